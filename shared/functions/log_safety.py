"""What may reach the log of the Functions host: the app's own events, and nothing that holds an address or a person.

The worker hands every logger to the host at information level. There the clients of HTTP and of Azure write each
address that they ask: of a chat channel it is a secret, of a table it holds keys of people. `quieten`
quietens them before the first function runs. What they still say, warnings and errors, loses its values and exceptions.

An exception that leaves a function reaches the same log, with every exception behind it. `discreet` takes off what
others have written; the places in the code stay.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from traceback import extract_tb

from shared.model.errors import RollcallError, Unexpected

CLIENTS = ("httpx", "httpcore", "azure", "msal", "urllib3", "asyncio")  # those that log addresses
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S*", re.IGNORECASE)
_make_record = logging.getLogRecordFactory()


def quieten() -> None:
    """Let these loggers say no more than warnings, and those without a value. To do it twice is harmless."""
    for name in CLIENTS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.setLogRecordFactory(_record)


def discreet(error: Exception) -> RollcallError:
    """The error as it may be logged: one of Rollcall with its own text, any other by its type; of those behind it the
    types and the places.
    """
    own = error if isinstance(error, RollcallError) else Unexpected(f"{type(error).__name__} at {_place(error)}")
    behind = [f"caused by {type(each).__name__} at {_place(each)}" for each in _behind(error)]
    if own is not error:
        own.with_traceback(error.__traceback__)
    own.__cause__ = own.__context__ = None
    for note in behind:
        own.add_note(note)
    return own


def _record(*arguments: object, **named: object) -> logging.LogRecord:
    record: logging.LogRecord = _make_record(*arguments, **named)
    if record.levelno >= logging.WARNING and record.name.partition(".")[0] in CLIENTS:
        _without_values(record)
    return record


def _without_values(record: logging.LogRecord) -> None:
    """The first line of the text as the client's code has it, and the type of the exception."""
    first = (str(record.msg).splitlines() or [""])[0]
    kind = record.exc_info[0] if record.exc_info else None
    record.msg = _ADDRESS.sub("<address>", first) + (f" [{kind.__name__}]" if kind else "")
    record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The exceptions that led to it, the nearest first."""
    seen = {id(error)}
    while True:
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is None or id(before) in seen:
            return
        seen.add(id(before))
        error = before
        yield error


def _place(error: BaseException) -> str:
    """Where it was raised: the file, the line and the function."""
    frames = extract_tb(error.__traceback__, -1)
    return f"{frames[0].filename}:{frames[0].lineno} in {frames[0].name}" if frames else "an unknown place"
