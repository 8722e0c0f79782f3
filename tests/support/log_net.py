"""A net below every logger, as the worker hangs one: it fails on what must not be in the host's log.

What is forbidden comes from the file that was dropped and from the settings that are used, not from a list.
"""

from __future__ import annotations

import csv
import logging
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
SECRETS = re.compile(r"^ALERT_|_TOKEN$|_KEY$|_SECRET$|_HEADER$|^DropStorage$|^AzureWebJobsStorage$")
SHORTEST = 4  # characters: a shorter text stands in other words
OPEN = {"http", "https", "services", "hooks", "teams", "slack"}  # words of an address that are no secret


def of_file(content: bytes, *, leave_out: Iterable[str] = ()) -> set[str]:
    """What a file says of people: every cell, but for the columns that are left out, which hold states."""
    header, *rows = csv.reader(content.decode().splitlines())
    kept = [at for at, name in enumerate(header) if name not in set(leave_out)]
    return {row[at] for row in rows for at in kept if at < len(row) and len(row[at]) >= SHORTEST}


def of_settings(settings: Mapping[str, str]) -> set[str]:
    """The secrets in settings: keys and tokens, the whole address of a channel, and each part of its path and query."""
    found = set[str]()
    for name, value in settings.items():
        if value and SECRETS.search(name):
            found |= {value, *_parts(value)}
    return {each for each in found if len(each) >= SHORTEST and each.casefold() not in OPEN}


def _parts(value: str) -> set[str]:
    if "AccountKey=" in value:
        return set(re.findall(r"AccountKey=([^;]+)", value))
    address = urlsplit(value)
    if not address.scheme:
        return set()
    queries = {part.partition("=")[2] for part in address.query.split("&")}
    return {unquote(part) for part in {*address.path.split("/"), *queries, address.password or ""}}


@dataclass
class LogNet(logging.Handler):
    """Keeps what was logged, and every forbidden text in it, also in exceptions and in what comes by `extra`."""

    forbidden: set[str]
    lines: list[str] = field(default_factory=list)
    caught: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(logging.NOTSET)

    def __hash__(self) -> int:
        return id(self)

    def emit(self, record: logging.LogRecord) -> None:
        told = [self.format(record), str(record.msg), *(repr(value) for value in vars(record).values())]
        self.lines.append(f"{record.name} {record.levelname} {told[0]}")
        self.look("\n".join(told), record.name)

    def look(self, text: str, where: str) -> None:
        """Look for what is forbidden in a text."""
        for each in (text, unquote(text)):
            hits = {word for word in self.forbidden if _is_in(word, each)} | set(MAIL.findall(each))
            self.caught += [f"{where}: {hit!r} in {each[:300]!r}" for hit in sorted(hits)]


def _is_in(word: str, text: str) -> bool:
    """Whether it stands there; a short number not where it is a part of a longer word, such as a hash."""
    if word not in text:
        return False
    return not word.isdigit() or re.search(rf"(?<![0-9A-Za-z]){word}(?![0-9A-Za-z])", text) is not None


@contextmanager
def below_every_logger(net: LogNet) -> Iterator[LogNet]:
    """The net on the root logger, which is at information level as in the worker."""
    root = logging.getLogger()
    before = root.level
    root.addHandler(net)
    root.setLevel(logging.INFO)
    try:
        yield net
    finally:
        root.setLevel(before)
        root.removeHandler(net)


def as_the_worker_tells(error: Exception) -> str:
    """What the host is given of a function that failed: `azure_functions_runtime.utils.tracing`."""
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return f"{type(error).__name__}: {error}\n{trace}"
