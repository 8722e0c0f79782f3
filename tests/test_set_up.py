"""The set-up finds a Python that runs, or says in one line what is missing and what to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ("sh", "awk", "grep", "sort", "paste", "dirname", "cat")


class Machine:
    """A PATH of our own: the few tools that the scripts need, and whatever Pythons a test puts there."""

    def __init__(self, folder: Path, scripts: Path) -> None:
        self.folder = folder
        self.scripts = scripts
        folder.mkdir()
        for tool in TOOLS:
            (folder / tool).symlink_to(str(shutil.which(tool)))

    def has(self, name: str, body: str) -> None:
        """Put a command on the PATH."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def has_python(self, name: str, version: str, lacking: str = "-") -> None:
        """Put a Python there that answers the probe as this version would."""
        self.has(name, f'echo "{version} {lacking} /opt/{version}/bin/python"')

    def find_python(self, choice: str = "") -> subprocess.CompletedProcess[str]:
        """Run the script that looks for a Python."""
        environ = {"PATH": str(self.folder), "PYTHON": choice}
        return subprocess.run(
            [str(self.scripts / "find-python")], env=environ, capture_output=True, text=True, check=False
        )


@pytest.fixture
def machine(root: Path, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "bin", root / "scripts")


def test_the_version_that_azure_runs_is_preferred(machine: Machine) -> None:
    machine.has_python("python3", "3.11.7")
    machine.has_python("python3.12", "3.12.1")
    machine.has_python("python3.13", "3.13.2")
    assert machine.find_python().stdout == "/opt/3.13.2/bin/python\n"


def test_a_shim_without_a_python_behind_it_is_passed_over(machine: Machine) -> None:
    machine.has("python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    machine.has_python("python3", "3.11.7")
    assert machine.find_python().stdout == "/opt/3.11.7/bin/python\n"


def test_a_python_that_only_pyenv_knows_is_found(machine: Machine) -> None:
    machine.has("python3.13", "exit 127")
    machine.has_python("python3", "3.11.7")
    machine.has("pyenv", "printf '%s\\n' 3.9.18 3.11.7 3.13.0 3.13.10 3.13-dev")
    machine.has("python", 'echo "$PYENV_VERSION - /pyenv/$PYENV_VERSION/bin/python"')
    assert machine.find_python().stdout == "/pyenv/3.13.10/bin/python\n"


def test_a_python_that_cannot_make_an_environment_is_passed_over(machine: Machine) -> None:
    machine.has_python("python3.13", "3.13.0", lacking="ensurepip")
    machine.has_python("python3.12", "3.12.1")
    assert machine.find_python().stdout == "/opt/3.12.1/bin/python\n"


@pytest.mark.parametrize(
    ("name", "version", "lacking", "words"),
    [
        ("python3", "3.9.2", "-", "found 3.9.2"),
        ("python3", "3.14.0", "-", "found 3.14.0"),
        ("perl", "5", "-", "found no Python"),
        ("python3", "3.11.2", "ensurepip", "apt install python3.11-venv"),
    ],
)
def test_what_is_missing_is_said_in_one_line_with_the_remedy(
    machine: Machine, name: str, version: str, lacking: str, words: str
) -> None:
    machine.has_python(name, version, lacking)
    ran = machine.find_python()
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.count("\n") == 1
    assert words in ran.stderr
    assert "Remedy: " in ran.stderr


def test_a_version_can_be_chosen(machine: Machine) -> None:
    machine.has_python("python3.13", "3.13.0")
    machine.has_python("python3.12", "3.12.1")
    assert machine.find_python("3.12").stdout == "/opt/3.12.1/bin/python\n"


def test_a_choice_that_does_not_run_is_refused_although_another_python_would(machine: Machine) -> None:
    machine.has_python("python3.13", "3.13.0")
    ran = machine.find_python("/nowhere/python")
    assert ran.returncode == 1
    assert "/nowhere/python" in ran.stderr


def test_a_newer_python_is_taken_only_when_chosen_and_not_without_a_word(machine: Machine) -> None:
    machine.has_python("python3.14", "3.14.0")
    assert machine.find_python().returncode == 1
    ran = machine.find_python("3.14")
    assert ran.stdout == "/opt/3.14.0/bin/python\n"
    assert "newer" in ran.stderr


def test_a_failed_installation_leaves_no_stamp_and_names_the_remedy(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "scripts", tmp_path / "scripts")
    shutil.copy(root / "pyproject.toml", tmp_path)
    for lock in root.glob("requirements*.txt"):
        shutil.copy(lock, tmp_path)
    offline = {**os.environ, "PYTHON": sys.executable, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}

    ran = subprocess.run(
        [str(tmp_path / "scripts" / "install"), "cli"],
        env=offline,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 1
    assert "Remedy: " in ran.stderr.splitlines()[-1]
    assert (tmp_path / ".venv" / "bin" / "python").exists()
    assert not (tmp_path / ".venv" / "installed.json").exists()
