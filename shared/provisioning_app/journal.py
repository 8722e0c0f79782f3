"""What this machine remembers of making an app, so that breaking off never makes a second one. Pure.

Between asking for an app and finding it in the tenant's lists lie up to a minute of replication (`entra-api.md` B2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Note:
    """An app was asked for; `principal_id` is "" as long as no answer came."""

    asked_at: datetime
    display_name: str
    principal_id: str = ""


class Journal(Protocol):
    """Where the note and the backups of a source are kept."""

    def note(self) -> Note | None:
        """The note, None where there is none."""
        ...

    def write(self, note: Note) -> None:
        """Keep a note; it is on disk when this returns."""
        ...

    def back_up(self, schema: bytes, job_id: str, now: datetime) -> str:
        """Keep a schema before it is replaced, and answer where."""
        ...
