"""What set-up keeps on this machine for a source: the note about an app that was asked for, and backups of mappings."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec

from shared.provisioning_app.apply import Note

DEFAULT = Path("out/setup")


class Folder:
    """A source's folder below `out/setup`. Nothing in it is secret: mappings, and an app's id."""

    def __init__(self, folder: Path, source: str) -> None:
        self.path = folder / source
        self._note = self.path / "app.json"

    def note(self) -> Note | None:
        """The note; None where there is none that reads."""
        try:
            return msgspec.json.decode(self._note.read_bytes(), type=Note)
        except (OSError, ValueError):
            return None

    def write(self, note: Note) -> None:
        """Keep a note, on disk when this returns."""
        replace(self._note, msgspec.json.format(msgspec.json.encode(note)) + b"\n")

    def back_up(self, schema: bytes, job_id: str, now: datetime) -> str:
        """Keep a schema byte for byte, and answer where."""
        name = f"schema-{job_id.partition('.')[0]}-{now:%Y%m%dT%H%M%S}-{now.microsecond:06d}Z.json"
        path = self.path / name
        replace(path, schema)
        return str(path)


def replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole, or not at all; on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)
