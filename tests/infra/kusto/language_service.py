"""Microsoft's Kusto language service, from npm, under Node. Enters: queries. Leaves: the faults of each.

`python -m tests.infra.kusto install` puts the pinned version under `.cache/kusto`; `check` never installs anything.
The columns in `tables.json` are those of the Azure Monitor table reference.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.storage import LocalError, find_node

_HERE = Path(__file__).parent
_HOME = Path(__file__).parents[3] / ".cache" / "kusto"
_PACKAGE = Path("node_modules") / "@kusto" / "language-service-next"


class KustoNotInstalled(LocalError):
    """The language service is missing or out of date; the message says what to run."""


@dataclass(frozen=True)
class Answer:
    """What the language service says of one query."""

    faults: tuple[str, ...]
    tables: frozenset[str]


def check(queries: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Answer]:
    """The faults of each query. Raises KustoNotInstalled, or StorageNotInstalled where there is no Node."""
    if not _is_current():
        raise KustoNotInstalled("The Kusto language service is not installed, or out of date. Run `make kusto`.")
    told = {"tables": json.loads((_HERE / "tables.json").read_text(encoding="utf-8")), "queries": dict(queries)}
    command = [find_node(environ), str(_HERE / "check.cjs"), str(_HOME / _PACKAGE)]
    ran = subprocess.run(command, input=json.dumps(told), capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    return {name: Answer(tuple(each["faults"]), frozenset(each["tables"])) for name, each in found.items()}


def install(environ: Mapping[str, str]) -> None:
    """Install the pinned version; does nothing when it is there. It appears whole or not at all."""
    if _is_current():
        return
    partial = _HOME.with_name("kusto.partial")
    for old in (partial, _HOME):
        shutil.rmtree(old, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, partial)
    flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    subprocess.run([*_npm(environ), "ci", "--prefix", str(partial), *flags], check=True)
    (partial / "installed.sha256").write_text(_pinned(), encoding="utf-8")
    partial.rename(_HOME)


def _npm(environ: Mapping[str, str]) -> list[str]:
    """The machine's npm, else the one that came with Node."""
    node = find_node(environ)
    script = Path(node).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    found = shutil.which("npm", path=environ.get("PATH"))
    return [found] if found and Path(found).parent == Path(node).parent else [node, str(script)]


def _pinned() -> str:
    return hashlib.sha256((_HERE / "package-lock.json").read_bytes()).hexdigest()


def _is_current() -> bool:
    mark = _HOME / "installed.sha256"
    return mark.is_file() and mark.read_text(encoding="utf-8") == _pinned()
