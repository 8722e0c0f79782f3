"""Build the zip that is deployed.

Enters: the checkout and its `.funcignore`, which `azd` and Core Tools obey too. Leaves: `dist/rollcall.zip`, the
same bytes for the same files wherever and whenever it is built: sorted, without dates, and not compressed, so that no
version of zlib shows.

With `--prebuilt` it leaves `dist/rollcall-prebuilt.zip`, which also holds what `requirements.txt` names, where the
Functions worker looks for it. Azure then installs nothing: for networks that reach no index of packages.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("dist") / "rollcall.zip"
PREBUILT = Path("dist") / "rollcall-prebuilt.zip"
INSTALLED = ".python_packages/lib/site-packages"  # which the Functions worker puts on its path
PYTHON = (3, 13)  # the app's: infra/modules/function-app.bicep
# Wheels for Linux with a C library of any age from 2012 to 2018; the app's image has a newer one.
PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 29)))
DEPLOYED = ("function_app.py", "host.json", "requirements.txt", "shared", "sources")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip can hold


class PackageError(Exception):
    """The package would lack something, or hold what is not to be deployed."""


def build(root: Path, target: Path, installed: Path | None = None) -> Path:
    """Write the package of the checkout at `root`, with the packages in the folder `installed`. Raises PackageError."""
    names = list(members(root))
    check(names)
    files = [(name, root / name) for name in names]
    if installed:
        found = sorted(path for path in installed.rglob("*") if path.is_file())
        files += [(f"{INSTALLED}/{path.relative_to(installed).as_posix()}", path) for path in found]
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
        for name, path in files:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, whatever built it
            entry.external_attr = 0o100644 << 16
            package.writestr(entry, path.read_bytes())
    return target


def install(requirements: Path, folder: Path) -> None:
    """Put what a lock names into a folder, as Azure's Linux with the app's Python needs it. Raises PackageError."""
    if sys.version_info[:2] != PYTHON:
        wanted = ".".join(map(str, PYTHON))
        raise PackageError(
            f"a prebuilt package needs Python {wanted}, and this is {sys.version.split()[0]}. Run: "
            f"make clean package-prebuilt PYTHON={wanted}"
        )
    platforms = [word for each in PLATFORMS for word in ("--platform", each)]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
               "--only-binary", ":all:", "--no-deps", *platforms, "--target", str(folder), "--requirement",
               str(requirements)]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise PackageError(f"pip could not install {requirements.name}: {ran.stderr.strip()[-400:]}")
    for path in folder.glob("bin/*"):
        path.unlink()  # commands, which name the Python that installed them


def members(root: Path) -> Iterator[str]:
    """The files that `.funcignore` leaves, sorted, as paths with slashes."""
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text(encoding="utf-8").splitlines())
    for top in sorted(root.iterdir(), key=lambda path: path.name):
        if ignored.match_file(f"{top.name}/" if top.is_dir() else top.name):
            continue
        files = sorted(path for path in top.rglob("*") if path.is_file()) if top.is_dir() else [top]
        names = (path.relative_to(root).as_posix() for path in files)
        yield from (name for name in names if not ignored.match_file(name))


def check(names: list[str]) -> None:
    """See that the package is whole and holds nothing else."""
    found = {name.partition("/")[0] for name in names}
    if missing := [name for name in DEPLOYED if name not in found]:
        raise PackageError(
            f"{', '.join(missing)} is missing: is this a complete checkout, and what does .funcignore say?"
        )
    if strange := sorted(found.difference(DEPLOYED)):
        raise PackageError(f"{', '.join(strange)} would be deployed: move it away, or name it in .funcignore")


def main(words: list[str]) -> None:
    """Build the package of this checkout and say what it is."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--prebuilt", action="store_true", help="with the packages of requirements.txt")
    target = PREBUILT if asked.parse_args(words).prebuilt else PACKAGE
    with tempfile.TemporaryDirectory() as folder:
        if target == PREBUILT:
            install(ROOT / "requirements.txt", Path(folder))
        package = build(ROOT, ROOT / target, Path(folder))
    with zipfile.ZipFile(package) as opened:
        count = len(opened.namelist())
    print(f"{target}: {count} files, {package.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PackageError as error:
        sys.exit(f"rollcall: {error}")
