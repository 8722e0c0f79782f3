"""Templates become pages. Enters: a template's name and values. Leaves: HTML. What people typed is only ever text.

The templates and the files of a page (`static/`) are part of the package; `Pages` reads them when it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.console.run_words import TONES, verdict
from shared.model.plan import Lane
from shared.sending.stops import holding
from shared.status.job_words import quarantine_words

_HERE = Path(__file__).parent
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Pages:
    """Renders the templates of a folder."""

    folder: Path = _HERE / "templates"
    static: Path = _HERE / "static"
    environment: Environment = field(init=False)

    def __post_init__(self) -> None:
        environment = Environment(
            loader=FileSystemLoader(self.folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {
            "number": "{:,}".format,
            "moment": moment,
            "clock": _in_utc("%H:%M:%S"),
            "exact": _in_utc("%Y-%m-%d %H:%M:%S"),
            "sentence": sentence,
            "iso": _in_utc("%Y-%m-%dT%H:%M:%S+00:00"),  # for machines
            "span": span,
            "percent": percent,
        }
        environment.globals |= {
            "stylesheet": self.stylesheet,
            "ago": ago,
            "quarantine_words": quarantine_words,
            "tones": TONES,
            "verdict": verdict,
            "holding": holding,
            "LEAVERS": Lane.LEAVERS,
        }
        object.__setattr__(self, "environment", environment)

    def page(self, template: str, **values: Any) -> bytes:
        """The page. What cannot be encoded is shown as a question mark."""
        return self.environment.get_template(template).render(values).encode("utf-8", "replace")

    def file(self, name: str) -> bytes:
        """A file of the pages. Raises FileNotFoundError."""
        return (self.static / name).read_bytes()

    def stylesheet(self) -> str:
        """The style sheet, for a page that has to hold its own."""
        return self.file("style.css").decode()


def _in_utc(pattern: str) -> Callable[[datetime], str]:
    """How a time is shown."""
    return lambda at: at.astimezone(UTC).strftime(pattern)


moment = _in_utc("%Y-%m-%d %H:%M UTC")


def sentence(text: str) -> str:
    """The text with a capital in front."""
    return text[:1].upper() + text[1:]


def span(length: timedelta) -> str:
    """How long, in the two largest units that say something: 2 h 5 min."""
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    left, parts = round(seconds), []
    for size, unit in _STEPS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def ago(at: datetime, now: datetime) -> str:
    """5 min ago; in 5 min."""
    if at > now:
        return f"in {span(at - now)}"
    largest = " ".join(span(now - at).split(" ")[:2])
    return "just now" if now - at < timedelta(seconds=5) else f"{largest} ago"


def percent(part: int, of: int) -> str:
    """3%, 0.4%"""
    if not of:
        return "0%"
    share = 100 * part / of
    return f"{share:.0f}%" if share >= 1 or share == 0 else f"{share:.1f}%"
