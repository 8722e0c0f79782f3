"""Make `.venv` and install what the locks pin.

Enters: the level (`cli`: what the `rollcall` command needs; `dev`: the tools of tests and checks as well),
the lock files. Leaves: a `.venv` that holds those pins and the `rollcall` command; a stamp, written last, so
that an interrupted run is done again and a finished one is not. It runs before anything is installed.
"""

import fcntl
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
LOCKS = {"cli": "requirements-cli.txt", "dev": "requirements-dev.txt"}
# The worker library declares Python >= 3.13 and runs on 3.11 too; what it needs is in the other locks.
WORKER_LOCK = "requirements-worker.txt"
NODE_LOCK = "requirements-node.txt"
OLDEST_NODE = 20


class SetUpError(Exception):
    """A step could not be done; the message is one line that says why and what to do."""


def main(level: str) -> None:
    """Bring `.venv` to the pins of `level`; do nothing if the stamp says that they are in place."""
    wanted = fingerprints()
    with one_at_a_time():
        if stamped(level, wanted) and stands():
            return
        if not stands():
            make_venv()
        STAMP.unlink(missing_ok=True)
        install(level)
        covered = list(LOCKS) if level == "dev" else [level]
        STAMP.write_text(json.dumps({name: wanted[name] for name in covered}), encoding="utf-8")


def fingerprints() -> dict[str, str]:
    """Digest, per level, everything that decides what is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    common = [
        Path(__file__).read_bytes(),
        json.dumps([project["build-system"], project["project"]], sort_keys=True).encode(),
        (ROOT / WORKER_LOCK).read_bytes(),
        (ROOT / NODE_LOCK).read_bytes(),
    ]
    return {
        level: hashlib.sha256(b"\0".join([*common, (ROOT / lock).read_bytes()])).hexdigest()
        for level, lock in LOCKS.items()
    }


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the lock that keeps two set-ups out of one `.venv`."""
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    with (cache / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def stamped(level: str, wanted: dict[str, str]) -> bool:
    """Tell whether a finished run has installed just these pins."""
    try:
        return bool(json.loads(STAMP.read_text(encoding="utf-8")).get(level) == wanted[level])
    except (OSError, ValueError):
        return False


def stands() -> bool:
    """Tell whether `.venv` was made here, by this version of Python, and is whole."""
    try:
        configuration = (VENV / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return False
    if f" {VENV}\n" not in configuration or f"version = {platform.python_version()}\n" not in configuration:
        return False
    if Path(sys.prefix) == VENV and STAMP.exists():
        return True
    return runs([str(VENV / "bin" / "python"), "-c", "import pip"])


def make_venv() -> None:
    """Make an empty `.venv` with the Python that runs this script, in place of a broken or foreign one."""
    say(f"making .venv with Python {platform.python_version()}")
    base = getattr(sys, "_base_executable", sys.executable)
    shutil.rmtree(VENV, ignore_errors=True)
    if subprocess.run([base, "-m", "venv", str(VENV)], check=False).returncode:
        raise SetUpError(
            f"{base} could not make a virtual environment (its words are above). "
            "Remedy: install Python's venv module, or name another Python: make PYTHON=/path/to/python3.13"
        )


def install(level: str) -> None:
    """Install the pins of `level`, the worker library, Node where the machine has none, and the project."""
    lock = LOCKS[level]
    count = sum(line[:1].isalnum() for line in (ROOT / lock).read_text(encoding="utf-8").splitlines())
    say(f"installing {count} packages from {lock} into .venv; the first time takes a minute")
    pip("-r", lock)
    pip("--no-deps", "--ignore-requires-python", "-r", WORKER_LOCK)
    if not machine_has_node():
        say(f"no Node >= {OLDEST_NODE} with npm on this machine: installing one into .venv")
        pip("-r", NODE_LOCK)
    pip("--no-deps", "--editable", ".")


def machine_has_node() -> bool:
    """Tell whether `node` (>= 20) and `npm` of the machine run; Azurite needs both."""
    oldest = f"process.exit(parseInt(process.versions.node) >= {OLDEST_NODE} ? 0 : 1)"
    return runs(["node", "-e", oldest]) and runs(["npm", "--version"])


def pip(*arguments: str) -> None:
    """Run `pip install` in `.venv`, quietly, with the machine's own pip configuration."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    if subprocess.run([*command, *arguments], cwd=ROOT, check=False).returncode:
        raise SetUpError(
            f"pip could not install {arguments[-1]} (its words are above). "
            "Remedy: see that pip reaches a package index (pip config list), then run the same command again"
        )


def runs(command: list[str]) -> bool:
    """Tell whether a command exists and ends well."""
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def say(text: str) -> None:
    """Tell the person who waits what is going on."""
    print(f"rollcall: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] not in (["cli"], ["dev"]):
        sys.exit("usage: scripts/install cli|dev")
    try:
        main(sys.argv[1])
    except SetUpError as error:
        sys.exit(f"rollcall: {error}")
    except KeyboardInterrupt:
        sys.exit("rollcall: stopped before the set-up was done; the next run starts it again")
