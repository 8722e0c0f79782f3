"""What is deployed needs only what is deployed with it: every import is declared, every declaration is pinned."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from pathspec import GitIgnoreSpec

OWN = {"shared", "cli", "emulator", "function_app"}
DEPLOYED = {"function_app.py", "host.json", "requirements.txt", "shared", "sources"}
GUARD = re.compile(r"(azure-functions)(<0) ; (python_version != '(3\.\d+)')")  # of the deployed lock
# What `make lock` makes: for which Python, and whether for later ones and every system as well.
LOCKED = {
    "requirements-cli.txt": ("3.11", True),
    "requirements-dev.txt": ("3.11", True),
    "requirements.txt": ("3.13", False),
}
RESOLVER = """#!/bin/sh
echo "$*" >> asked
while [ "$1" != --output-file ]; do shift; done
cp "$2.gave" "$2"
"""


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
        if line and not line.startswith("#") and not GUARD.fullmatch(line):
            assert re.fullmatch(r"[\w.-]+==[\w.!+]+( ; .+)?", line), f"{path.name}: {line}"
            pinned.setdefault(names([line]).pop(), set()).add(line)
    return pinned


def installed(path: Path, python: str) -> dict[str, str]:
    """The pins of a lock that count on Linux with this Python."""
    machine = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    lines = [line.partition(" ; ") for each in pins(path).values() for line in each]
    counting = [pin.partition("==") for pin, _, marker in lines if not marker or Marker(marker).evaluate(machine)]
    assert len({name for name, _, _ in counting}) == len(counting)
    return {name: version for name, _, version in counting}


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
    assert not undeclared(iter([*(root / "cli").rglob("*.py"), *(root / "emulator").rglob("*.py")]), declared)


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
    app, cli, dev = (installed(root / f"requirements{part}.txt", "3.13") for part in ("", "-cli", "-dev"))
    assert app.items() <= cli.items() <= dev.items()


@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_what_an_older_python_has_is_what_is_tested_there(root: Path, python: str) -> None:
    cli, dev = (installed(root / f"requirements-{part}.txt", python) for part in ("cli", "dev"))
    assert cli.items() <= dev.items()


def test_each_python_gets_the_functions_library_that_fits_it(root: Path) -> None:
    for lock in ("requirements-cli.txt", "requirements-dev.txt"):
        older, newer = sorted(pins(root / lock)["azure-functions"])
        assert re.fullmatch(r"azure-functions==1\.\d+\.\d+ ; python_full_version < '3\.13'", older)
        assert re.fullmatch(r"azure-functions==2\.\d+\.\d+ ; python_full_version >= '3\.13'", newer)


def test_the_deployed_lock_is_for_the_deployed_python_alone(root: Path) -> None:
    """Its pins have no condition. On any other Python the last line asks for what cannot be, so a build fails."""
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines[:-1] if ";" in line] == []
    guard = GUARD.fullmatch(lines[-1])
    assert guard
    (pin,) = pins(root / "requirements.txt")[guard[1]]
    refused = {f"3.{minor}" for minor in range(9, 20) if Marker(guard[3]).evaluate({"python_version": f"3.{minor}"})}
    assert refused == {f"3.{minor}" for minor in range(9, 20)} - {guard[4]}
    assert not SpecifierSet(guard[2]).contains(pin.partition("==")[2])
    deployed = re.findall(
        r"version: '(3\.\d+)'", (root / "infra/modules/function-app.bicep").read_text(encoding="utf-8")
    )
    assert deployed == [guard[4]]


def test_make_lock_makes_the_locks_that_are_here(root: Path, tmp_path: Path) -> None:
    """With a resolver that gives back what it gave: no other file, no other line, and each for its Pythons."""
    for name in ("Makefile", "scripts", "pyproject.toml"):
        (shutil.copytree if (root / name).is_dir() else shutil.copy)(root / name, tmp_path / name)
    gave = {lock: (root / lock).read_text(encoding="utf-8") for lock in LOCKED}
    for lock, text in gave.items():
        (tmp_path / f"{lock}.gave").write_text(
            "\n".join(text.splitlines()[: -2 if lock == "requirements.txt" else None]) + "\n"
        )
    resolver = tmp_path / ".cache" / "lock" / "bin" / "uv"
    resolver.parent.mkdir(parents=True)
    resolver.write_text(RESOLVER)
    resolver.chmod(0o755)
    subprocess.run(["make", "--silent", "lock"], cwd=tmp_path, check=True)
    asked = [line.split() for line in (tmp_path / "asked").read_text().splitlines()]
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.txt")} == gave
    assert {words[words.index("--output-file") + 1]: for_pythons(words) for words in asked} == LOCKED
    assert all({"--no-emit-index-url", "--no-emit-find-links"} <= set(words) for words in asked)


def for_pythons(words: list[str]) -> tuple[str, bool]:
    """The Python that the resolver is asked for, and whether for later ones and every system as well."""
    return words[words.index("--python-version") + 1], "--universal" in words


def test_only_the_app_is_deployed(root: Path) -> None:
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text(encoding="utf-8").splitlines())
    deployed = {path.name for path in root.iterdir() if not ignored.match_file(path.name + "/" * path.is_dir())}
    assert deployed == DEPLOYED
    assert not ignored.match_file("shared/planning/plan_drop.py")
    assert not ignored.match_file("sources/employees.yaml")


@pytest.mark.parametrize("folder", ["rollcall_env", "other_env", ".venv", "venv", "env"])
def test_no_environment_is_deployed(root: Path, folder: str) -> None:
    """`azd restore` makes `rollcall_env`. With a `.funcignore`, azd leaves out what that names and no more."""
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text(encoding="utf-8").splitlines())
    assert ignored.match_file(f"{folder}/")
    assert ignored.match_file(f"{folder}/lib/python3.13/site-packages/httpx/__init__.py")


def reached(root: Path) -> set[str]:
    """The files of `shared` that the functions import, directly or not, with the packages that hold them."""
    found: set[str] = set()
    waiting = ["function_app.py"]
    while waiting:
        names = {name for _, name in imports(iter([root / waiting.pop()]))}
        for name in names | {name.rpartition(".")[0] for name in names}:
            parts = name.split(".") if name.startswith("shared") else []
            paths = ["/".join([*parts[:length], "__init__.py"]) for length in range(1, len(parts) + 1)]
            new = {path for path in [*paths, "/".join(parts) + ".py"] if (root / path).is_file()} - found
            found |= new
            waiting += new
    return found


def test_what_only_a_laptop_uses_is_not_deployed(root: Path) -> None:
    """`rollcall setup`, for one, changes the tenant, and no code of it is in Azure. All that the functions use is."""
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text(encoding="utf-8").splitlines())
    modules = (path.relative_to(root).as_posix() for path in (root / "shared").rglob("*.py"))
    assert {path for path in modules if not ignored.match_file(path)} == reached(root)


def test_locks_name_no_package_index(root: Path) -> None:
    for lock in root.glob("requirements*.txt"):
        assert not re.search(r"://|--(extra-)?index|--find-links", lock.read_text(encoding="utf-8")), lock.name
