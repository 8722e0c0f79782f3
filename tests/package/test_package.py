"""The zip that is deployed: what is in it, that its bytes repeat, that it works with only its requirements."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pathspec import GitIgnoreSpec

from emulator.storage import Azurite
from scripts.package import DEPLOYED, INSTALLED, PYTHON, PackageError, build, install
from tests.infra.function_app import FunctionApp

KINDS = (".py", ".yaml", ".json", ".txt", ".html", ".css", ".js", ".svg")  # of files that may be deployed
DRIVER = ("wire.py", "worker.py")  # of emulator/host: how Azure's worker is driven


@pytest.fixture(scope="module")
def package(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(root, tmp_path_factory.mktemp("package") / "rollcall.zip")


@pytest.fixture(scope="module")
def app_dir(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, unpacked into an empty folder."""
    folder = tmp_path_factory.mktemp("app")
    with zipfile.ZipFile(package) as opened:
        opened.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def python(root: Path, app_dir: Path) -> Path:
    """A Python that holds what requirements.txt of the package pins, the worker library beside it, and nothing else.

    It is kept in `.cache` for as long as those pins stay the same.
    """
    base = interpreter(root)
    worker_lock = root / "requirements-worker.txt"
    digest = hashlib.sha256((app_dir / "requirements.txt").read_bytes() + worker_lock.read_bytes() + base.encode())
    home = root / ".cache" / "package" / digest.hexdigest()[:16]
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            for old in home.parent.glob("*/"):
                shutil.rmtree(old)
            run([base, "-m", "venv", str(home)])
            pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            run([*pip, "--only-binary", ":all:", "-r", str(app_dir / "requirements.txt")])
            run([*pip, "--no-deps", "-r", str(worker_lock)])
            (home / "complete").touch()
    return home / "bin" / "python"


def interpreter(root: Path) -> str:
    """The app's Python: this one, else the machine's."""
    wanted = ".".join(map(str, PYTHON))
    if sys.version_info[:2] == PYTHON:
        return str(getattr(sys, "_base_executable", sys.executable))
    environ = {**os.environ, "PYTHON": wanted}
    command = [str(root / "scripts" / "find-python")]
    found = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"the package is for Python {wanted}, and this machine has none: {found.stderr.strip()}")
    return str(found.stdout.strip())


def run(command: list[str], **options: Any) -> str:
    """Run a command to its end; its output, or a failure with its last words."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert ran.returncode == 0, f"{' '.join(command[:4])} ...: {ran.stderr[-4000:]}"
    return str(ran.stdout)


def test_the_package_holds_what_is_deployed_and_nothing_else(package: Path) -> None:
    with zipfile.ZipFile(package) as opened:
        names = opened.namelist()
    assert {name.partition("/")[0] for name in names} == set(DEPLOYED)
    assert not [name for name in names if not name.endswith(KINDS)]


def test_the_same_files_make_the_same_bytes(root: Path, package: Path, tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in (*DEPLOYED, ".funcignore"):
        path = root / name
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, copy / name)
    assert build(copy, tmp_path / "again.zip").read_bytes() == package.read_bytes()


def test_what_the_commands_of_the_pages_leave_behind_is_in_no_package(
    root: Path, package: Path, tmp_path: Path
) -> None:
    """Nor in a commit. A key or a person's row must reach neither."""
    left = ("one.csv", "health.json", "owner-key", "owner-key.pub", "hr.pub")
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in (*DEPLOYED, ".funcignore"):
        (copy / name).symlink_to(root / name)
    for name in left:
        (copy / name).touch()
    assert build(copy, tmp_path / "again.zip").read_bytes() == package.read_bytes()
    kept_out = GitIgnoreSpec.from_lines((root / ".gitignore").read_text(encoding="utf-8").splitlines())
    assert set(kept_out.match_files(left)) == set(left)


def test_a_package_that_lacks_something_or_holds_more_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".funcignore").write_text(".*\n")
    for name in DEPLOYED:
        path = tmp_path / name
        if "." in name:
            path.write_text("")
        else:
            path.mkdir()
            (path / "something.py").write_text("")
    build(tmp_path, tmp_path.with_suffix(".zip"))
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(PackageError, match=r"notes\.txt would be deployed"):
        build(tmp_path, tmp_path.with_suffix(".zip"))
    (tmp_path / "notes.txt").unlink()
    (tmp_path / "host.json").unlink()
    with pytest.raises(PackageError, match=r"host\.json is missing"):
        build(tmp_path, tmp_path.with_suffix(".zip"))


@pytest.mark.skipif(sys.version_info[:2] != PYTHON, reason="a prebuilt package is for the app's Python alone")
def test_a_prebuilt_package_needs_nothing_but_python(root: Path, tmp_path: Path) -> None:
    install(root / "requirements.txt", tmp_path / "installed")
    package = build(root, tmp_path / "rollcall.zip", tmp_path / "installed")
    with zipfile.ZipFile(package) as opened:
        opened.extractall(tmp_path / "app")
    ask = "import sys; sys.path[:0] = sys.argv[1:]; import function_app; print(len(function_app.app.get_functions()))"
    settings = json.loads((root / "infra" / "app-settings.json").read_text(encoding="utf-8"))
    paths = [str(tmp_path / "app"), str(tmp_path / "app" / INSTALLED)]
    told = run([interpreter(root), "-I", "-c", ask, *paths], cwd=tmp_path, env=settings)
    assert int(told) == len(FunctionApp((root / "function_app.py").read_text(encoding="utf-8")).functions)


def test_a_prebuilt_package_is_refused_on_another_python(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.package.PYTHON", (3, 99))
    with pytest.raises(PackageError, match=r"PYTHON=3\.99"):
        install(root / "requirements.txt", tmp_path)


@dataclass(frozen=True)
class Drive:
    """What the driver told, and the environment it ran in."""

    functions: dict[str, dict[str, Any]]
    seconds: float
    modules: list[str]


@pytest.fixture(scope="module")
def drive(root: Path, app_dir: Path, python: Path, azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Drive:
    """Every function has run once, with the app settings of the deployment and nothing of this checkout."""
    beside = tmp_path_factory.mktemp("driver")
    (beside / "emulator" / "host").mkdir(parents=True)
    for name in DRIVER:
        shutil.copy(root / "emulator" / "host" / name, beside / "emulator" / "host")
    shutil.copy(Path(__file__).with_name("drive.py"), beside)
    settings = json.loads((root / "infra" / "app-settings.json").read_text(encoding="utf-8"))
    connections = dict.fromkeys(("AzureWebJobsStorage", "DropStorage"), azurite.connection_string)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(beside), **settings, **connections}
    told = run([str(python), str(beside / "drive.py")], cwd=app_dir, env=environ)
    return Drive(**json.loads(told.splitlines()[-1]))


def test_every_function_runs_with_only_the_requirements(drive: Drive, app_dir: Path) -> None:
    app = FunctionApp((app_dir / "function_app.py").read_text(encoding="utf-8"))
    assert set(drive.functions) == set(app.functions)
    assert {name: told["failure"] for name, told in drive.functions.items() if told["failure"]} == {}
    logged = {name: {event["event"] for event in told["events"]} for name, told in drive.functions.items()}
    expected = {name: set(function.events) for name, function in app.functions.items()}
    assert {name: events - logged[name] for name, events in expected.items() if events - logged[name]} == {}
    (planned,) = drive.functions["plan_drop"]["events"]
    assert (planned["state"], planned["people"]) == ("planned", 2)
    assert all(Path(path).is_relative_to(app_dir) for path in drive.modules)


def test_the_package_is_small_and_starts_fast(
    package: Path, python: Path, drive: Drive, app_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "import time; begun = time.perf_counter(); import function_app; print(time.perf_counter() - begun)"
    seconds = min(float(run([str(python), "-c", command], cwd=app_dir)) for _ in range(3))
    site = next((python.parents[1] / "lib").glob("python*/site-packages"))
    own = ("pip", "azure_functions_runtime")
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file() and not in_any(path, site, own))
    with capsys.disabled():
        print(
            f"\npackage: {package.stat().st_size / 1024:.0f} KiB, with its requirements {size / 2**20:.0f} MiB; "
            f"imports in {seconds:.1f} s, is indexed in {drive.seconds:.1f} s",
            end=" ",
        )
    assert package.stat().st_size < 2 * 2**20
    assert seconds < 30  # the platform's limit for the start of an app


def in_any(path: Path, site: Path, names: tuple[str, ...]) -> bool:
    return path.relative_to(site).parts[0].startswith(names) or path.suffix == ".pyc"
