"""The faults of `mutations.yaml`, as values that seed themselves into a copy of the deployment."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml

from tests.infra.project import PARTS, Project


class Finder(StrEnum):
    """What finds a fault: see the head of `mutations.yaml`."""

    TEXT = "text"
    SNAPSHOT = "snapshot"
    COMPILER = "compiler"


@dataclass(frozen=True)
class Mutation:
    """One fault: what finds it, by which check, in which file, what is replaced by what, which deployments show it."""

    finder: Finder
    by: str
    name: str
    path: str
    before: str
    after: str
    rows: tuple[str, ...] = ()

    def seed(self, root: Path, folder: Path) -> Project:
        """A copy of the deployment with this fault. Raises AssertionError when there is nothing to replace."""
        for part in PARTS:
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (root / part).is_dir() else shutil.copy
            copy(root / part, folder / part)
        text = (folder / self.path).read_text(encoding="utf-8")
        assert self.before in text, f"{self.name}: {self.path} has no {self.before!r} any more; seed something else"
        (folder / self.path).write_text(text.replace(self.before, self.after, 1), encoding="utf-8")
        return Project(folder)


_ROWS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
MUTATIONS = tuple(Mutation(Finder(finder), *row) for finder, *row in _ROWS)
