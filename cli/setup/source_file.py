"""What set-up writes on this machine: the endpoint in a source file, notes about apps, backups of mappings.

ruamel.yaml says where things stand; the line itself is put in by hand, so that comments, order and quotes stay.
"""

from __future__ import annotations

import codecs
import os
from datetime import datetime
from io import StringIO
from pathlib import Path

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from cli.console import CommandError
from shared.model.errors import SourceError
from shared.provisioning_app.apply import Note
from shared.sources.source import read_source

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


KEY = "endpoint"


def file_of(source: str, folder: Path) -> Path:
    """The file that describes a source. Raises CommandError where there is none that reads."""
    for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            if read_source(file.read_text(encoding="utf-8-sig"), file.name).source == source:
                return file
        except (SourceError, UnicodeDecodeError):
            continue
    raise CommandError(f"no file in {folder} describes the source {source}")


def write_endpoint(file: Path, url: str) -> None:
    """Put the endpoint into the file; it is there whole, or not at all."""
    before = file.read_bytes()
    mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
    after = mark + with_endpoint(before.removeprefix(mark).decode("utf-8"), url, file.name).encode("utf-8")
    if after != before:
        replace(file, after)


def with_endpoint(text: str, url: str, name: str = "the file") -> str:
    """The text with this endpoint. Raises CommandError where nothing but the endpoint could not be kept."""
    loaded = YAML(typ="rt").load(StringIO(text))
    if not isinstance(loaded, CommentedMap):
        raise CommandError(f"{name} is no mapping; write `endpoint: {url}` into it by hand")
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    line = f"{KEY}: {url}"
    if KEY in loaded:
        first, last = _span(loaded, lines)
        lines[first:last] = [line + _comment(lines[first]) + ending]
    else:
        at = _place(loaded, lines)
        if at and not lines[at - 1].endswith("\n"):
            lines[at - 1] += ending
        lines.insert(at, line + ending)
    after = "".join(lines)
    _same_otherwise(text, after, url, name)
    return after


def _span(loaded: CommentedMap, lines: list[str]) -> tuple[int, int]:
    """The lines of the endpoint: its key's, and those of a value that goes on below it, which are indented."""
    first = int(loaded.lc.key(KEY)[0])
    last = first + 1
    while last < len(lines) and lines[last].strip() and lines[last][0] in " \t":
        last += 1
    return first, last


def _comment(line: str) -> str:
    """The comment behind a value, with the blanks before it."""
    at = line.find(" #")
    return line[at:].rstrip("\r\n") if at >= 0 else ""


def _place(loaded: CommentedMap, lines: list[str]) -> int:
    """Behind the block of `app`, or else of `source`: before the blank and comment lines that lead to the next key."""
    keys = list(loaded)
    anchor = "app" if "app" in keys else "source"
    following = keys[keys.index(anchor) + 1 :] if anchor in keys else keys[:1]
    at = int(loaded.lc.key(following[0])[0]) if following else len(lines)
    while at and (not lines[at - 1].strip() or lines[at - 1].startswith("#")):
        at -= 1
    return at


def _same_otherwise(before: str, after: str, url: str, name: str) -> None:
    old, new = read_source(before, name), read_source(after, name)
    if new.endpoint != url or old.model_copy(update={"endpoint": url}) != new:
        raise CommandError(f"{name} cannot be changed by itself; write `endpoint: {url}` into it by hand")
