"""HR: the people it knows, the files it writes, and what each row means. Pure.

`Feed` turns a `Drop` into the rows of a file. `content_of` is the second opinion on mapping: what Entra must be sent
for a row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field, fields, replace

from tests.histories.actions import FULL, PEOPLE, Drop, Edit

ACTIVE, LEFT = "Active", "Left"


@dataclass(frozen=True)
class Row:
    """One record of a file."""

    id: str
    status: str = ACTIVE
    name: str = ""
    title: str = "Clerk"
    department: str = "Sales"
    manager: str = ""
    upn: str = ""


COLUMNS = tuple(each.name for each in fields(Row))


@dataclass(frozen=True)
class Content:
    """What one operation says of a person. None: it says nothing of that."""

    active: bool
    upn: str | None
    name: str | None = None
    title: str | None = None
    department: str | None = None
    manager: str | None = None
    language: str | None = None

    @property
    def is_absence(self) -> bool:
        """Whether it only disables somebody who is in the file no more."""
        return self.name is None and not self.active


def content_of(row: Row, language: str) -> Content:
    """What Entra must be sent for a row."""
    return Content(row.status == ACTIVE, row.upn, row.name, row.title, row.department, row.manager or None, language)


def new_row(key: str) -> Row:
    """Somebody as HR first knows them. Every second one works for the first person of the feed."""
    manager = f"{key[0]}01" if int(key[1:]) % 2 == 0 else ""
    return Row(key, name=f"Name of {key}", upn=f"{key}@contoso.com", manager=manager)


def as_csv(rows: Iterable[Row]) -> bytes:
    """The file of these records; line 1 is the header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(astuple, rows))
    return text.getvalue().encode()


@dataclass(frozen=True)
class File:
    """A file that HR dropped."""

    source: str
    kind: str
    rows: tuple[Row, ...]

    def counted(self) -> dict[str, tuple[int, Row]]:
        """Line and row of each person: the last one of a key counts."""
        return {row.id: (line, row) for line, row in enumerate(self.rows, 2)}


@dataclass
class Feed:
    """One HR feed: who is in it, and what it has dropped."""

    source: str
    roster: dict[str, Row] = field(default_factory=dict)
    before: dict[str, Row] = field(default_factory=dict)  # as it stood before the last drop
    files: list[File] = field(default_factory=list)

    @classmethod
    def of(cls, source: str) -> Feed:
        """The feed before its first drop: all but two people work there."""
        return cls(source, {key: new_row(key) for key in PEOPLE[source][:-2]})

    def write(self, drop: Drop) -> File:
        """The file of this drop; the feed knows then what HR knows after it."""
        rows = self._rows(drop)
        rows = [replace(row, name="") if row.id in drop.bad else row for row in rows]
        file = File(self.source, drop.kind, tuple(rows))
        self.files.append(file)
        return file

    def again(self) -> File | None:
        """The last file once more."""
        return self.files[-1] if self.files else None

    def _rows(self, drop: Drop) -> list[Row]:
        if drop.kind == "reverted" and self.files:
            return self._reverted(drop)
        if drop.kind == "reuploaded" and self.files:
            return list(self.files[-1].rows)
        if drop.kind == "corrected":
            touched = {key for key in {*self.roster, *self.before} if self.roster.get(key) != self.before.get(key)}
            self.roster, self.before = dict(self.before or self.roster), self.roster
        else:
            touched = set()
            self.before = dict(self.roster)
        for edit in drop.edits:
            self._edit(edit)
        rows = self._written({*touched, *(edit.key for edit in drop.edits), *drop.also})
        if drop.kind == "shrunk":
            return rows[: max(1, len(rows) // 2)]
        if drop.kind == "duplicated":
            earlier = [replace(row, title="Twice") for row in rows[::3]]
            return [*earlier, *rows, *rows[::2]]
        return rows

    def _reverted(self, drop: Drop) -> list[Row]:
        file = self.files[max(0, len(self.files) - 1 - drop.back)]
        self.before = dict(self.roster)
        if self.source == FULL:
            self.roster = {}
        self.roster |= {row.id: row for row in file.rows if row.name}
        return list(file.rows)

    def _edit(self, edit: Edit) -> None:
        if edit.what == "vanish":
            self.roster.pop(edit.key, None)
            return
        row = self.roster.get(edit.key) or new_row(edit.key)
        self.roster[edit.key] = replace(row, **{edit.what: edit.value}) if edit.what != "join" else row

    def _written(self, keys: set[str]) -> list[Row]:
        """Everybody in a full file; those of whom there is something to say in a partial one."""
        everybody = [self.roster[key] for key in sorted(self.roster)]
        if self.source == FULL or not self.files:
            return everybody
        return [row for row in everybody if row.id in keys] or everybody[:1]
