"""What is deployed needs only what is deployed with it: every import is declared, every declaration is pinned."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from pathspec import GitIgnoreSpec

OWN = {"shared", "cli", "local", "function_app"}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def names(requirements: list[str]) -> set[str]:
    """The distributions that requirement lines name, as the package index spells them."""
    found = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line.strip()) for line in requirements)
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


def pins(path: Path) -> dict[str, set[str]]:
    """Each distribution of a lock with the pins it has there: one, or one per Python."""
    pinned: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[\w.-]+==[\w.!+]+( ; .+)?", line), f"{path.name}: {line}"
            pinned.setdefault(names([line]).pop(), set()).add(line)
    return pinned


def versions(path: Path) -> dict[str, frozenset[str]]:
    """The same without the machines they are for, which what else is pinned beside them may widen."""
    return {name: frozenset(line.partition(" ; ")[0] for line in lines) for name, lines in pins(path).items()}


def modules_in(distributions: set[str]) -> set[str]:
    """The dotted names of every module that these distributions install."""
    files = [file for name in distributions for file in distribution(name).files or ()]
    paths = [Path(file) for file in files if file.suffix in {".py", ".pyi", ".so"}]
    return {".".join([*path.parent.parts, path.name.partition(".")[0]]).removesuffix(".__init__") for path in paths}


def imports(paths: Iterator[Path]) -> Iterator[tuple[str, str]]:
    """Yield where something is imported, and the name of the module."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((f"{path}:{node.lineno}", alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    yield f"{path}:{node.lineno}", f"{node.module}.{alias.name}"


def undeclared(paths: Iterator[Path], declared: set[str]) -> list[str]:
    """The imports of neither the project, nor Python itself, nor a declared distribution."""
    known = modules_in(declared)
    return [
        f"{where}: {name}"
        for where, name in imports(paths)
        if name.partition(".")[0] not in OWN | sys.stdlib_module_names
        and name not in known
        and name.rpartition(".")[0] not in known
    ]


def test_the_deployed_app_imports_only_what_it_declares(root: Path, project: dict[str, Any]) -> None:
    declared = names(project["project"]["dependencies"])
    assert not undeclared(iter([root / "function_app.py", *(root / "shared").rglob("*.py")]), declared)


def test_the_deployed_app_declares_nothing_that_it_does_not_import(root: Path, project: dict[str, Any]) -> None:
    used = {name for _, name in imports(iter([root / "function_app.py", *(root / "shared").rglob("*.py")]))}
    used |= {name.rpartition(".")[0] for name in used}
    idle = {name for name in names(project["project"]["dependencies"]) if not used & modules_in({name})}
    # The worker imports the first when telemetry is on; zoneinfo reads the data of the second.
    assert idle == {"azure-monitor-opentelemetry", "tzdata"}


def test_the_command_and_the_local_cloud_import_only_what_they_declare(root: Path, project: dict[str, Any]) -> None:
    declared = names(
        project["project"]["dependencies"]
        + project["project"]["optional-dependencies"]["cli"]
        + (root / "requirements-worker.txt").read_text(encoding="utf-8").splitlines()
    )
    assert not undeclared(iter([*(root / "cli").rglob("*.py"), *(root / "local").rglob("*.py")]), declared)


def test_an_undeclared_import_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "eager.py"
    path.write_text("import json\nimport httpx\nfrom azure.storage import blob\nimport hypothesis.stateful\n")
    assert [line.rpartition(": ")[2] for line in undeclared(iter([path]), {"httpx"})] == [
        "azure.storage.blob",
        "hypothesis.stateful",
    ]


def test_every_direct_dependency_is_pinned_exactly(root: Path, project: dict[str, Any]) -> None:
    app = pins(root / "requirements.txt")
    cli = pins(root / "requirements-cli.txt")
    dev = pins(root / "requirements-dev.txt")
    assert names(project["project"]["dependencies"]) <= app.keys()
    assert names(project["project"]["optional-dependencies"]["cli"]) <= cli.keys()
    assert names(project["dependency-groups"]["dev"]) <= dev.keys()


def test_what_is_deployed_is_what_is_tested(root: Path) -> None:
    app, cli, dev = (versions(root / f"requirements{part}.txt") for part in ("", "-cli", "-dev"))
    assert app.items() <= cli.items()
    assert cli.items() <= dev.items()


def test_each_python_gets_the_functions_library_that_fits_it(root: Path) -> None:
    older, newer = sorted(pins(root / "requirements.txt")["azure-functions"])
    assert re.fullmatch(r"azure-functions==1\.\d+\.\d+ ; python_full_version < '3\.13'", older)
    assert re.fullmatch(r"azure-functions==2\.\d+\.\d+ ; python_full_version >= '3\.13'", newer)


def test_only_the_app_is_deployed(root: Path) -> None:
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text(encoding="utf-8").splitlines())
    deployed = {path.name for path in root.iterdir() if not ignored.match_file(path.name + "/" * path.is_dir())}
    assert deployed == {"function_app.py", "host.json", "requirements.txt", "shared", "sources"}
    assert not ignored.match_file("shared/planning/plan_drop.py")
    assert not ignored.match_file("sources/employees.yaml")


def test_locks_name_no_package_index(root: Path) -> None:
    for lock in root.glob("requirements*.txt"):
        assert not re.search(r"://|--(extra-)?index|--find-links", lock.read_text(encoding="utf-8")), lock.name
