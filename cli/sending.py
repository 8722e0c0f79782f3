"""`rollcall stop-sending` and `rollcall resume`, and how a stop is shown beside runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from cli import console
from cli.drops import must_be_source
from shared.app import House
from shared.sending import stops
from shared.sending.stops import ALL, SendingStop


def stop_sending(rollcall: House, source: str | None, reason: str, by: str, *, as_json: bool) -> None:
    """Stop sending of a source, or of all; one that is stopped already stays as it is."""
    if source is not None:
        must_be_source(rollcall, source)
    stop, is_new = stops.stop_sending(rollcall.stops, source or ALL, by, reason, datetime.now(UTC))
    if as_json:
        console.print_json({"stop": stop_json(stop), "new": is_new})
        return
    screen = console.out()
    if not is_new:
        screen.print(Text(f"nothing changed: {stop.sentence}"))
        return
    screen.print(Text(f"{stop.sentence}"))
    most = rollcall.settings.send_concurrency
    screen.print(f"no new call to Entra begins; calls that are under way end (at most {most}). Runs wait")
    screen.print(f"when it may go on: {stop.remedy}")


def resume(rollcall: House, source: str | None, by: str, *, as_json: bool) -> None:
    """Lift one stop, and say which still hold. Raises NotPossible when there is nothing to resume."""
    if source is not None and all(stop.source != source for stop in rollcall.stops.all()):
        must_be_source(rollcall, source)
    lifted, left = stops.resume(rollcall.stops, source or ALL, by, datetime.now(UTC))
    if as_json:
        console.print_json({"resumed": stop_json(lifted), "stopped": [stop_json(stop) for stop in left]})
        return
    of = f" of {lifted.source}" if lifted.source else ""
    is_held = any(not stop.source or stop.source == lifted.source for stop in left)
    then = "another stop still holds, so nothing is sent" if is_held else "runs go on at the next tick"
    console.out().print(Text(f"sending{of} is resumed by {by}; {then}"))
    console.out().print(Text(f"lifted    {lifted.sentence}"))
    for line in stop_lines(left):
        console.out().print(line)


def stop_json(stop: SendingStop) -> dict[str, Any]:
    """A stop for a script; `source` is null where it is for all."""
    at = stop.at.isoformat() if stop.at else None
    return {"source": stop.source or None, "by": stop.by, "at": at, "reason": stop.reason, "fault": stop.fault}


def stop_lines(found: Iterable[SendingStop]) -> list[Text]:
    """A line for each stop that holds."""
    return [Text.assemble(("stopped   ", "bold yellow"), f"{stop.sentence}  ({stop.remedy})") for stop in found]
