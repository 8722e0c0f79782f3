"""Build the zip that is deployed.

Enters: the checkout and its `.funcignore`, which `azd` and Core Tools obey too. Leaves: `dist/rollcall.zip`, the
same bytes for the same files wherever and whenever it is built: sorted, without dates, and not compressed, so that no
version of zlib shows.
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("dist") / "rollcall.zip"
DEPLOYED = ("function_app.py", "host.json", "requirements.txt", "shared", "sources")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip can hold


class PackageError(Exception):
    """The package would lack something, or hold what is not to be deployed."""


def build(root: Path, target: Path) -> Path:
    """Write the package of the checkout at `root`. Raises PackageError."""
    names = list(members(root))
    check(names)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
        for name in names:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, whatever built it
            entry.external_attr = 0o100644 << 16
            package.writestr(entry, (root / name).read_bytes())
    return target


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


def main() -> None:
    """Build the package of this checkout and say what it is."""
    package = build(ROOT, ROOT / PACKAGE)
    with zipfile.ZipFile(package) as opened:
        count = len(opened.namelist())
    print(f"{PACKAGE}: {count} files, {package.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    try:
        main()
    except PackageError as error:
        sys.exit(f"rollcall: {error}")
