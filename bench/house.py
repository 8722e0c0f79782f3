"""What planning needs of the house, in one folder: the files of a run, and people.db. Storage is not measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from bench.feeds import source
from shared.known_people.people import People
from shared.model.errors import Damage, Missing
from shared.model.plan import Plan
from shared.model.runs import Answer, DropVersion, Receipt, Run, RunState, Writer, new_run
from shared.planning.plan_drop import plan_drop
from shared.sending.apply_accepted import apply_accepted

MONDAY = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class FileDrop:
    """A file as if it had been dropped."""

    file: Path
    version: DropVersion

    def chunks(self) -> Iterator[bytes]:
        """Its content."""
        return _pieces(self.file)


@dataclass(frozen=True)
class House:
    """The ports of planning and of applying what was accepted, over one folder."""

    folder: Path

    def writer(self, run: Run, name: str, over: str | None = None) -> AbstractContextManager[Writer]:
        """Write a file of a run."""
        (self.folder / run.run_id).mkdir(parents=True, exist_ok=True)
        return cast("AbstractContextManager[Writer]", (self.folder / run.run_id / name).open("wb", PIECE_BYTES))

    def read(self, run: Run, name: str) -> Iterator[bytes]:
        """A file of a run. Raises Missing."""
        file = self.folder / run.run_id / name
        if not file.exists():
            raise Missing(str(file))
        return _pieces(file)

    def read_range(self, run: Run, name: str, offset: int, length: int) -> bytes:
        """Some bytes of a file of a run."""
        with (self.folder / run.run_id / name).open("rb") as stream:
            stream.seek(offset)
            return stream.read(length)

    def etag(self, run: Run, name: str) -> str:
        """Which version of a file of a run is there."""
        return str((self.folder / run.run_id / name).stat().st_mtime_ns)

    def note(self, run: Run, name: str, damage: Damage) -> None:
        """Nothing is damaged here."""

    @contextmanager
    def open(self, source: str) -> Iterator[People]:
        """The people known."""
        with People(_pieces(self._people)) as people:
            yield people

    def update(self, source: str, change: Callable[[People], None]) -> None:
        """Change the people known."""
        with People(_pieces(self._people)) as people:
            change(people)
            self._people.write_bytes(people.content())

    @property
    def _people(self) -> Path:
        return self.folder / "people.db"

    def plan(self, file: Path, day: int) -> tuple[Run, Plan]:
        """Plan the drop of a day."""
        now = MONDAY + timedelta(days=day)
        drop = FileDrop(file, DropVersion(f"employees/{file.name}", str(day), now, file.stat().st_size))
        run = new_run(drop.version, now)
        with self.open("employees") as people:
            plan, _ = plan_drop(run, drop, source(), people, self, lambda: "", now)
        return run, plan

    def told(self, run: Run, plan: Plan) -> None:
        """Entra has accepted everything."""
        receipts = [Receipt(each.number, 0, each.operations, Answer.ACCEPTED, MONDAY) for each in plan.chunks]
        sent = run
        for state in (RunState.PLANNING, RunState.PLANNED, RunState.SENDING):
            sent = sent.moved(state, MONDAY)
        apply_accepted(sent, plan, receipts, self, self, MONDAY - timedelta(days=90))


def _pieces(file: Path) -> Iterator[bytes]:
    if file.exists():
        with file.open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
