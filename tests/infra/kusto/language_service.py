"""Microsoft's Kusto language service, from npm, under Node. Enters: queries. Leaves: the faults of each.

`python -m tests.infra.kusto` puts the pinned version under `.cache/kusto`; `check` never installs anything.
The columns in `tables.json` are those of the Azure Monitor table reference.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emulator.npm import NotInstalled, Packages, find_node

_HERE = Path(__file__).parent
PACKAGES = Packages.cached(_HERE, "kusto")


@dataclass(frozen=True)
class Answer:
    """What the language service says of one query."""

    faults: tuple[str, ...]
    tables: frozenset[str]


def check(queries: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Answer]:
    """The faults of each query. Raises NotInstalled."""
    if not PACKAGES.are_current:
        raise NotInstalled("The Kusto language service is not installed, or out of date. Run `make kusto`.")
    asked = {"tables": json.loads((_HERE / "tables.json").read_text(encoding="utf-8")), "queries": dict(queries)}
    package = PACKAGES.home / "node_modules" / "@kusto" / "language-service-next"
    command = [find_node(environ), str(_HERE / "check.cjs"), str(package)]
    ran = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    return {name: Answer(tuple(each["faults"]), frozenset(each["tables"])) for name, each in found.items()}
