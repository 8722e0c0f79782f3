"""One person sent and followed to the end, as Provision on demand would: these apps do not have it (B5).

Enters: a person's bulk request. Leaves: the log entries about that person, as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.collecting.checkpoint import Window
from shared.collecting.entries import LogEntry
from shared.collecting.outcomes import verdict_of
from shared.collecting.reading import LogReader
from shared.mapping.mapping import Person
from shared.model import scim
from shared.model.endpoint import Endpoint
from shared.model.times import Clock
from shared.sending.replies import Reply, Verdict
from shared.sending.send_run import Upload

PAUSE = 5.0
SLOWLY = 30.0
FIRST = 120.0  # seconds: so long it is looked often
AFTERWARDS = 2  # looks after the answer: a manager is set by an entry of its own (D4)


@dataclass(frozen=True)
class Rehearsal:
    """Everything a rehearsal needs."""

    endpoint: Endpoint
    upload: Upload
    log: LogReader
    clock: Clock
    say: Callable[[str], None]
    longest: timedelta = timedelta(minutes=60)


def send(person: Person, rehearsal: Rehearsal) -> Reply:
    """Send this one person. Raises GraphError with what Entra said."""
    body = scim.bulk_request([scim.operation("rehearsal", person.user)])
    reply = rehearsal.upload.post(rehearsal.endpoint, body, lambda: None)
    if reply.verdict is Verdict.ACCEPTED:
        return reply
    text = f"Entra did not take the person: {reply.told}{': ' + reply.message if reply.message else ''}"
    if reply.status == 403:
        text += "; you need SynchronizationData-User.Upload and the role User Administrator"
    raise reply.error(text)


def follow(key: str, since: datetime, rehearsal: Rehearsal) -> Iterator[LogEntry]:
    """The entries about this person from then on, until one is an answer or the wait is over. Raises GraphError."""
    seen: set[str] = set()
    answered = looks = 0
    clock = rehearsal.clock
    begun = clock.elapsed()
    while clock.elapsed() - begun < rehearsal.longest.total_seconds() and looks < AFTERWARDS:
        for entry in _about(key, since, rehearsal):
            if entry.id not in seen:
                seen.add(entry.id)
                answered += bool(verdict_of(entry))
                yield entry
        looks += bool(answered)
        if not answered:
            waited = clock.elapsed() - begun
            rehearsal.say(f"nothing in the log about {key} yet ({waited / 60:.0f} min); a cycle can take 40 minutes")
        clock.sleep(PAUSE if answered or clock.elapsed() - begun < FIRST else SLOWLY)


def _about(key: str, since: datetime, rehearsal: Rehearsal) -> list[LogEntry]:
    window = Window(since - timedelta(seconds=1), rehearsal.clock.now() + timedelta(minutes=1))
    found = [entry for page in rehearsal.log.pages(rehearsal.endpoint, window) for entry in page.entries]
    return sorted((entry for entry in found if entry.external_id == key), key=lambda entry: entry.at)
