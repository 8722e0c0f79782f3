"""A history as sentences that a person reads, and as a Python literal that becomes a named test."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from tests.histories.actions import (
    Action,
    Admin,
    Drop,
    Edit,
    Fault,
    Freeze,
    History,
    Kill,
    LoseLease,
    Meanwhile,
    OlderRelease,
    Resend,
    Resume,
    Revert,
    Step,
    StopSending,
    Tamper,
    Trouble,
    Turn,
    Wait,
)


def as_sentences(history: History) -> str:
    """The history, a numbered sentence an action."""
    lines = [f"   {literal(history.setup)}"]
    lines += [f"{number:3} {sentence(action)}" for number, action in enumerate(history.actions, 1)]
    return "\n".join(lines)


def sentence(action: Action) -> str:
    """One action in words."""
    match action:
        case Drop():
            return _drop(action)
        case Step():
            where = f"instance {'AB'[action.instance]}: {action.what}"
            return f"{where}{_trouble(action.trouble)}"
        case OlderRelease():
            return f"an instance of the release before: {action.what}"
        case Wait():
            return f"{action.seconds} seconds pass"
        case Fault():
            status = f" {action.status}" if action.kind == "status" else ""
            return f"Entra: {action.route} goes wrong {action.times} times after {action.skip}: {action.kind}{status}"
        case Turn():
            return f"Entra: {action.dial} is {action.value!r} from now on"
        case Admin():
            return f"the administrator: {action.what} the account of {action.key}"
        case Tamper():
            return f"somebody edits {action.file} of run -{action.which + 1} at {action.at} of 1000"
        case Resend() | Revert() | StopSending() | Resume():
            return _operator(action)
    return f"{type(action).__name__.lower()}{_parameters(action)}"


def _operator(action: Resend | Revert | StopSending | Resume) -> str:
    if isinstance(action, Resend):
        return f"the operator sends {', '.join(action.keys)} of run -{action.which + 1} again"
    if isinstance(action, Revert):
        created = " and disables whom it created" if action.created else ""
        return f"the operator reverts run -{action.which + 1}{created}"
    verb = "stops" if isinstance(action, StopSending) else "resumes"
    return f"the operator {verb} sending of {action.source or 'all sources'}"


def _drop(drop: Drop) -> str:
    words = [f"HR drops a {drop.kind} {drop.source} file"]
    if drop.kind == "reverted":
        words.append(f"({drop.back} files ago)")
    if drop.edits:
        words.append(": " + ", ".join(_edit(edit) for edit in drop.edits))
    if drop.also:
        words.append(f"; {', '.join(drop.also)} stand in it, too")
    if drop.bad:
        words.append(f"; without the names of {', '.join(drop.bad)}")
    if drop.same_name:
        words.append("; under the name of before")
    if drop.events != 1:
        words.append(f"; storage sends {drop.events} events")
    return " ".join(words).replace(" :", ":").replace(" ;", ";") + _trouble(drop.trouble)


def _edit(edit: Edit) -> str:
    return f"{edit.key} {edit.what}{f' is {edit.value or None!r}' if edit.what not in ('vanish', 'join') else ''}"


def _trouble(trouble: Trouble | None) -> str:
    if trouble is None:
        return ""
    spot = trouble.spot
    where = f"{'after' if spot.after else 'before'} call {spot.at} of {spot.on}"
    match trouble:
        case Kill():
            return f"; it dies {where}"
        case Freeze():
            return f"; storage fails {trouble.calls} times from {where}"
        case LoseLease():
            return f"; its lease is taken away {where}"
        case Meanwhile():
            others = "; ".join(sentence(each) for each in trouble.actions)
            return f"; it stands still {trouble.pause} seconds {where}, and meanwhile [{others}]"


def _parameters(action: Action) -> str:
    found = [f"{field.name} {getattr(action, field.name)!r}" for field in fields(action)]
    return f" ({', '.join(found)})" if found else ""


def literal(value: Any) -> str:
    """The value as Python writes it, without what is as it is by default."""
    if is_dataclass(value) and not isinstance(value, type):
        given = [
            f"{field.name}={literal(getattr(value, field.name))}"
            for field in fields(value)
            if getattr(value, field.name) != _default(field)
        ]
        return f"{type(value).__name__}({', '.join(given)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def pasteable(history: History) -> str:
    """The history as an expression over several lines."""
    lines = "".join(f"        {literal(action)},\n" for action in history.actions)
    return f"History(\n    {literal(history.setup)},\n    (\n{lines}    ),\n)"


def _default(field: Any) -> Any:
    return field.default
