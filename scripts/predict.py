"""Predict what Azure would deploy, with the Bicep compiler, and keep the predictions in the repository.

`python scripts/predict.py` writes them, `--check` says where they no longer fit the files. Kept are, in `infra/`:

- `main.snapshot.json`, `locked-down.snapshot.json`, `events.snapshot.json`: Bicep's own snapshot files. The first two
  lie beside their parameter files, so `bicep snapshot FILE --mode validate` reads them under the variables named below;
- `redeployments.json`: for each deployment of `DEPLOYMENTS` how it differs from its base, or why it is refused;
- `predicted-from.json`: the SHA-256 of every file that all this was made from, and the values that were used.

The command `bicep` must be on the PATH. Nothing here reads Azure: what only Azure knows stays an expression.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
INFRA = ROOT / "infra"
SOURCES = ("*.bicep", "*.bicepparam", "modules/*.bicep", "queries/*.kql", "workbook.json", "app-settings.json",
           "bicepconfig.json")  # fmt: skip
REDEPLOYMENTS, MADE_FROM = "redeployments.json", "predicted-from.json"
TENANT = "00000000-0000-0000-0000-00000000000a"
SUBSCRIPTION = "00000000-0000-0000-0000-00000000000b"
GROUP = "rg-rollcall-test"
LOCATION = "westeurope"
DEPLOYER = "00000000-0000-0000-0000-00000000000d"
HUB = "/subscriptions/00000000-0000-0000-0000-00000000000c/resourceGroups/rg-dns"

MAIN = {
    "AZURE_ENV_NAME": "test",
    "AZURE_LOCATION": LOCATION,
    "AZURE_PRINCIPAL_ID": DEPLOYER,
    "ROLLCALL_ALERT_MAIL": "hr-ops@example.com",
    "ROLLCALL_CONSOLE_CLIENT_ID": "00000000-0000-0000-0000-000000000002",
    "ROLLCALL_OPERATOR_ID": "",
}
LOCKED_DOWN = {
    "AZURE_ENV_NAME": "test",
    "AZURE_LOCATION": LOCATION,
    "ROLLCALL_ALERT_MAIL": "hr-ops@example.com",
    "ROLLCALL_ALERT_WEBHOOK": "https://alerts.example.com/hook",
    "ROLLCALL_CONSOLE_CLIENT_ID": "00000000-0000-0000-0000-000000000002",
    "ROLLCALL_DROPPERS_GROUP": "00000000-0000-0000-0000-000000000003",
    "ROLLCALL_OPERATORS_GROUP": "00000000-0000-0000-0000-000000000004",
    "ROLLCALL_SFTP_PUBLIC_KEY": "ecdsa-sha2-nistp256 AAAA",
}
EVENTS = """using 'events.bicep'
param functionAppName = 'func-rollcall-test'
param dropsAccountName = 'stdropstest'
param eventsIdentityName = 'id-rollcall-test-events'
"""
AZD = f"""using 'azd.bicep'
param environmentName = 'test'
param location = '{LOCATION}'
param alertMail = 'hr-ops@example.com'
param principalId = '{DEPLOYER}'
param consoleClientId = '{MAIN["ROLLCALL_CONSOLE_CLIENT_ID"]}'
"""
TWICE = f"""using 'main.bicep'
param environmentName = 'test'
param location = '{LOCATION}'
param alertTargets = {{ mail: ['hr-ops@example.com'] }}
param consoleClientId = '{MAIN["ROLLCALL_CONSOLE_CLIENT_ID"]}'
param access = {{
  people: [
    {{ principalId: toUpper('{DEPLOYER}'), may: 'operate' }}
    {{ principalId: '{DEPLOYER}', may: 'operate' }}
  ]
}}
"""
NO_PLACE = TWICE.replace(f"location = '{LOCATION}'", "location = ''")
HYPHENS = """using 'main.bicep'
param environmentName = 'test'
param location = 'westeurope'
param access = {
  sftpUsers: [
    { source: 'employeestest', publicKeys: ['ecdsa-sha2-nistp256 AAAA'] }
    { source: 'employees-test', publicKeys: ['ecdsa-sha2-nistp256 AAAA'] }
    { source: 'employee-stest', publicKeys: ['ecdsa-sha2-nistp256 AAAA'] }
    { source: 'employee-s-test', publicKeys: ['ecdsa-sha2-nistp256 AAAA'] }
  ]
}
"""

Snapshot = dict[str, Any]


class PredictionError(Exception):
    """The compiler is not there, or it refuses what must compile."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One deployment: a parameter file of `infra/`, or the text of one, with its variables.

    `without` are variables of the base that are missing here, `values` those that differ, `more` is added to the text.
    """

    name: str
    parameters: str = ""
    text: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    more: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """The variables that the compiler sees."""
        return {name: value for name, value in self.environment.items() if name not in self.without} | dict(self.values)


WHOLE = (
    Deployment(name="main", parameters="main.bicepparam", environment=MAIN),
    Deployment(name="locked-down", parameters="locked-down.bicepparam", environment=LOCKED_DOWN),
    Deployment(name="events", text=EVENTS),
)


NAMES = frozenset(each.name for each in WHOLE)


def _main(name: str, *without: str, **values: str) -> Deployment:
    return Deployment(name=name, parameters="main.bicepparam", environment=MAIN, without=tuple(without), values=values)


def _locked_down(name: str, *without: str, more: str = "", **values: str) -> Deployment:
    return Deployment(
        name=name,
        parameters="locked-down.bicepparam",
        environment=LOCKED_DOWN,
        without=tuple(without),
        values=values,
        more=more,
    )


# Each is compared with the whole deployment of its parameter file, as the second deployment after that one.
DEPLOYMENTS = {
    "main": (
        _main("none of the variables", *MAIN),
        _main("no AZURE_ENV_NAME", "AZURE_ENV_NAME"),
        _main("no AZURE_LOCATION", "AZURE_LOCATION"),
        _main("an empty AZURE_ENV_NAME", AZURE_ENV_NAME=""),
        _main("an empty AZURE_LOCATION", AZURE_LOCATION=""),
        _main("no ROLLCALL_ALERT_MAIL", "ROLLCALL_ALERT_MAIL"),
        _main("an empty ROLLCALL_ALERT_MAIL", ROLLCALL_ALERT_MAIL=""),
        _main("no ROLLCALL_CONSOLE_CLIENT_ID", "ROLLCALL_CONSOLE_CLIENT_ID"),
        _main("no AZURE_PRINCIPAL_ID and no ROLLCALL_OPERATOR_ID", "AZURE_PRINCIPAL_ID", "ROLLCALL_OPERATOR_ID"),
        _main("another ROLLCALL_OPERATOR_ID", ROLLCALL_OPERATOR_ID="00000000-0000-0000-0000-000000000009"),
        Deployment(name="the same person twice", text=TWICE),
        Deployment(name="a location that is too short", text=NO_PLACE),
        Deployment(name="azd", text=AZD),
    ),
    "locked-down": (
        _locked_down("none of the variables", *LOCKED_DOWN),
        *(_locked_down(f"no {name}", name) for name in LOCKED_DOWN),
        *(_locked_down(f"an empty {name}", **{name: ""}) for name in LOCKED_DOWN),
        _locked_down("an ssh-ed25519 ROLLCALL_SFTP_PUBLIC_KEY", ROLLCALL_SFTP_PUBLIC_KEY="ssh-ed25519 AAAA hr@example"),
        Deployment(name="sources with hyphens", text=HYPHENS),
        _locked_down("zones of a hub", more=f"param networkOptions = {{ dnsZonesGroupId: '{HUB}' }}\n"),
        _locked_down("zones by policy", more="param networkOptions = { dnsByPolicy: true }\n"),
    ),
}


class Compiler:
    """The Bicep compiler, over a copy of `infra/` in a folder of its own: nothing is written beside the files."""

    def __init__(self, infra: Path, folder: Path) -> None:
        self._command = shutil.which("bicep")
        if self._command is None:
            raise PredictionError(f"the command bicep is not on the PATH. {_how(infra)}")
        self._infra = folder / "infra"
        shutil.copytree(infra, self._infra)

    @property
    def version(self) -> str:
        """The version of the compiler: `0.49.2`."""
        return self._run(["--version"], {}).stdout.split(" (")[0].rpartition(" ")[2].strip()

    def predict(self, deployment: Deployment) -> Snapshot | str:
        """The snapshot of a deployment as the compiler writes it; a text where it refuses: the first error."""
        stem = re.sub(r"\W+", "-", f"{deployment.parameters}-{deployment.name}")
        path = self._infra / f"predicted-{stem}.bicepparam"
        text = deployment.text or (self._infra / deployment.parameters).read_text(encoding="utf-8")
        path.write_text(text + deployment.more, encoding="utf-8")
        ran = self._run(["snapshot", str(path), "--mode", "overwrite", *_where(deployment)], deployment.variables)
        if ran.returncode != 0:
            errors = [line for line in ran.stderr.splitlines() if " : Error " in line or "could not be" in line]
            return re.sub(r"^.*? : Error (\w+): | \[https?://.*\]$", "", errors[0] if errors else ran.stderr.strip())
        written = path.with_name(f"predicted-{stem}.snapshot.json")
        snapshot: Snapshot = json.loads(written.read_text(encoding="utf-8"))
        return snapshot

    def build(self, name: str) -> list[str]:
        """What the compiler and its linter find in one file of `infra/`."""
        ran = self._run(["build", str(self._infra / name), "--stdout"], {})
        found = [line.replace(f"{self._infra}/", "infra/") for line in ran.stderr.splitlines() if " : " in line]
        return found if found or ran.returncode == 0 else [f"infra/{name}: the compiler failed: {ran.stderr[:200]}"]

    def is_formatted(self, name: str) -> bool:
        """Whether a file of `infra/` is as the formatter of the compiler writes it."""
        ran = self._run(["format", str(self._infra / name), "--stdout"], {})
        return ran.stdout.strip() == (self._infra / name).read_text(encoding="utf-8").strip()

    def _run(self, words: Sequence[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "ROLLCALL_"))}
        environment = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", **kept, **variables}
        command = [str(self._command), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def _how(infra: Path) -> str:
    """How to predict with the compiler that made the kept predictions: another one may write them in another way."""
    version = json.loads((infra / MADE_FROM).read_text(encoding="utf-8"))["compiler"]
    return f'Run: az bicep install --version v{version}; PATH="$HOME/.azure/bin:$PATH" make predict'


def _where(deployment: Deployment) -> list[str]:
    scope = ["--resource-group", GROUP] if deployment.name == "events" else []
    known = {"tenant-id": TENANT, "subscription-id": SUBSCRIPTION, "location": LOCATION, "deployment-name": "rollcall"}
    return [word for name, value in known.items() for word in (f"--{name}", value)] + scope


def predictions(infra: Path, rows: Collection[str] | None = None, names: Collection[str] = NAMES) -> dict[str, str]:
    """Every file that is kept in `infra/`, by its name. Raises PredictionError.

    With `names`, only those of `WHOLE` are predicted, and with `rows`, only those of `DEPLOYMENTS`, which differ from
    one of them. The others stay as they are kept.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        compiler = Compiler(infra, Path(folder))
        asked = [each for each in WHOLE if each.name in names]
        whole = dict(zip([each.name for each in asked], pool.map(compiler.predict, asked), strict=True))
        if refused := [f"{name}: {reason}" for name, reason in whole.items() if isinstance(reason, str)]:
            raise PredictionError("; ".join(refused))
        differences = {} if rows is None else json.loads((infra / REDEPLOYMENTS).read_text(encoding="utf-8"))
        for base, others in DEPLOYMENTS.items():
            wanted = [each for each in others if rows is None or each.name in rows]
            found = zip(wanted, pool.map(compiler.predict, wanted), strict=True)
            differences.setdefault(base, {}).update(
                {each.name: difference(whole[base], snapshot) for each, snapshot in found}
            )
        made_from = {
            "compiler": compiler.version,
            "arguments": {each.name: _where(each) for each in WHOLE},
            "variables": {each.name: each.variables for each in WHOLE if each.parameters},
            "files": hashes(infra),
        }
    kept: dict[str, Any] = {f"{name}.snapshot.json": snapshot for name, snapshot in whole.items()}
    kept |= {REDEPLOYMENTS: differences, MADE_FROM: made_from}
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in kept.items()}


def hashes(infra: Path) -> dict[str, str]:
    """The SHA-256 of every file that a prediction is made from, by its path in `infra/`."""
    paths = sorted({path for pattern in SOURCES for path in infra.glob(pattern)})
    return {path.relative_to(infra).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def difference(base: Any, other: Any) -> dict[str, Any]:
    """How another deployment differs from its base: refused, or resources left out, added, made twice, and changes."""
    if isinstance(other, str):
        return {"refused": other}
    before, after = _by_id(base), _by_id(other)
    ids = [each["id"] for each in other["predictedResources"]]
    changed = {
        identity: values
        for identity in sorted(set(before) & set(after))
        if (values := dict(_changes(before[identity], after[identity], "")))
    }
    return {
        "left out": sorted(set(before) - set(after)),
        "added": sorted(set(after) - set(before)),
        "twice": sorted({each["id"] for each in other["predictedResources"] if ids.count(each["id"]) > 1}),
        "changed": changed,
    }


def _by_id(snapshot: Snapshot) -> dict[str, Any]:
    return {each["id"]: {**each, "properties": properties(each)} for each in snapshot["predictedResources"]}


def properties(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a predicted resource. Where one of them is known to Azure only, Bicep leaves an expression.

    `[union(createObject('name', value, ...), ...)]` is read here: each name with its text or its expression. What
    comes from a secure parameter is in no prediction.
    """
    given: Any = resource.get("properties") or {}
    if not isinstance(given, str):
        return dict(given)
    found: dict[str, Any] = {}
    for part in _arguments(given.removeprefix("[").removesuffix("]")):
        if not part.startswith("createObject("):
            continue
        words = [_text(word) for word in _arguments(part)]
        found |= dict(zip(words[::2], words[1::2], strict=True))
    return found


def _arguments(call: str) -> list[str]:
    """The arguments of `name(a, b(c, d), 'e, f')` as they are written."""
    inner = call[call.index("(") + 1 : call.rindex(")")]
    found, depth = [""], 0
    for token in re.findall(r"'(?:[^']|'')*'|[(),]|[^'(),]+", inner):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token == "," and depth == 0:
            found.append("")
        else:
            found[-1] += token
    return [each.strip() for each in found if each.strip()]


def _text(word: str) -> str:
    return word[1:-1].replace("''", "'") if re.fullmatch(r"'(?:[^']|'')*'", word) else f"[{word}]"


def _changes(before: Any, after: Any, path: str) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _changes(before.get(key), after.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from _changes(*pair, f"{path}[{index}]")
    elif before != after:
        yield path, [before, after]


def main(words: Sequence[str]) -> int:
    """Write or check the predictions. 0: they fit; 1: they do not, or the compiler refuses."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--check", action="store_true", help="write nothing; say which predictions no longer fit")
    check = asked.parse_args(words).check
    try:
        made = predictions(INFRA)
    except PredictionError as error:
        print(f"predict: {error}", file=sys.stderr)
        return 1
    stale = [name for name, text in made.items() if not (INFRA / name).is_file() or _differs(INFRA / name, text)]
    if check and stale:
        print(f"predict: {', '.join(stale)} do not fit the files of infra/. {_how(INFRA)}", file=sys.stderr)
        return 1
    for name in () if check else stale:
        (INFRA / name).write_text(made[name], encoding="utf-8")
        print(f"predict: wrote infra/{name}")
    if not stale:
        print("predict: every prediction fits the files of infra/")
    return 0


def _differs(path: Path, text: str) -> bool:
    """Whether two texts hold other values. Which compiler made a prediction is no difference."""
    kept, made = json.loads(path.read_text(encoding="utf-8")), json.loads(text)
    for each in (kept, made):
        each.pop("compiler", None)
    return bool(kept != made)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
