"""What needs the Bicep compiler: every file compiles as it is, the predictions fit, and the seeded faults are found.

`make infra` runs it, with the command `bicep` on the PATH. Exit 1 where a file does not pass or a fault is missed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts import predict
from tests.infra.mutations import MUTATIONS, Finder, Mutation
from tests.infra.test_infra import finds

ROOT = Path(__file__).resolve().parents[2]
# These two import types that the compiler downloads from Microsoft's registry. The deploy workflow compiles them.
DOWNLOADS = ("console-registration.bicep", "graph-roles.bicep")


def compiled(infra: Path) -> Iterator[str]:
    """What the compiler, its linter and its formatter find in the files of `infra/`."""
    with tempfile.TemporaryDirectory() as folder:
        compiler = predict.Compiler(infra, Path(folder))
        for path in sorted(infra.rglob("*.bicep")):
            name = path.relative_to(infra).as_posix()
            if name not in DOWNLOADS:
                yield from compiler.build(name)
            if not compiler.is_formatted(name):
                yield f"infra/{name} is not as the formatter writes it. Run: bicep format infra/{name}"


def caught(mutation: Mutation) -> bool:
    """Whether the compiler refuses this fault, or a check finds it in the predictions that the compiler makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        project = mutation.seed(ROOT, Path(folder))
        if mutation.finder is Finder.COMPILER:
            name = Path(mutation.path).relative_to("infra").as_posix()
            return _refused(project.infra, name)
        try:
            made = predict.predictions(project.infra, mutation.rows, _touched(mutation))
        except predict.PredictionError:
            return False  # a fault for the compiler: it should be listed as one
        for name, text in made.items():
            (project.infra / name).write_text(text, encoding="utf-8")
        return finds(mutation, project)


def _touched(mutation: Mutation) -> set[str]:
    """The whole deployments that a fault may show in: each costs seconds."""
    if mutation.rows:
        return {base for base, rows in predict.DEPLOYMENTS.items() for each in rows if each.name in mutation.rows}
    path = Path(mutation.path)
    if path.suffix == ".bicepparam" or path.name == "events.bicep":
        return {path.stem}
    return {"main", "locked-down", "events"} if path.name == "app-settings.json" else {"main", "locked-down"}


def _refused(infra: Path, name: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        compiler = predict.Compiler(infra, Path(folder))
        if name.endswith(".bicepparam"):
            return isinstance(compiler.predict(predict.WHOLE[0]), str)
        whole = "events.bicep" if name == "events.bicep" else "main.bicep"
        return bool(compiler.build(name) or compiler.build(whole)) or not compiler.is_formatted(name)


def main() -> int:
    """Run all three. Prints what it finds, and how many of the seeded faults are found."""
    if shutil.which("bicep") is None:
        print("infra: the command bicep is not on the PATH. Install it: az bicep install", file=sys.stderr)
        return 1
    started = time.monotonic()
    findings = list(compiled(ROOT / "infra"))
    print("\n".join(findings) or "infra: every file compiles without a finding")
    fits = predict.main(["--check"]) == 0
    seeded = [each for each in MUTATIONS if each.finder is not Finder.TEXT]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = list(pool.map(caught, seeded))
    took = time.monotonic() - started
    missed = [each.name for each, is_found in zip(seeded, found, strict=True) if not is_found]
    print(f"infra: {len(seeded) - len(missed)} of {len(seeded)} seeded faults caught, in {took:.0f} s")
    print("".join(f"not caught: {name}\n" for name in missed), end="")
    return 0 if fits and not findings and not missed else 1


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except subprocess.TimeoutExpired as error:
        print(f"infra: the compiler gave no answer: {error}", file=sys.stderr)
        raise SystemExit(1) from error
