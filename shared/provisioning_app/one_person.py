"""One person, tried before a drop: what each attribute of the account would get, and what happens when they are sent.

`preview` evaluates the job's own mapping through the service. Where the service refuses, the value is what the public
reference says (`expressions`), marked so. What cannot be known before the account is made (a value that must be unique
in Active Directory) is said so, never guessed. `send` makes one upload for the person, and `follow` reads the log until
it says what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.collecting.checkpoint import Window
from shared.collecting.entries import LogEntry
from shared.collecting.outcomes import verdict_of
from shared.collecting.reading import LogReader
from shared.mapping.mapping import Person
from shared.model import scim
from shared.model.endpoint import Endpoint
from shared.model.errors import Refused
from shared.model.scim import flattened, plain
from shared.model.times import Clock
from shared.provisioning_app.expressions import Unsaid, evaluate
from shared.provisioning_app.schema import MappingRow, functions, object_mapping, row_of
from shared.provisioning_app.tenant import JobPlace, Json, Tenant
from shared.sending.replies import Reply, Verdict
from shared.sending.send_run import Upload

CHANCE = frozenset({"RandomString", "Guid"})
UNIQUE = "SelectUniqueValue"  # decided when the account is made, so the service is not asked


@dataclass(frozen=True)
class Effect:
    """What one target attribute gets. `value` is None where nothing would be written, or nobody can say."""

    target: str
    expression: str
    value: str | None
    note: str = ""
    evaluated: bool = True


def preview(tenant: Tenant, place: JobPlace, schema: Json, record: Mapping[str, str]) -> list[Effect]:
    """The effect of every mapping. Raises GraphError where the service does not answer at all."""
    return [_effect(tenant, place, mapping, record) for mapping in object_mapping(schema)["attributeMappings"]]


def texts_of(user: dict[str, Any]) -> dict[str, str]:
    """The record that a SCIM user is to the job: texts by attribute. True and False are written as Entra does."""
    return {name: str(plain(value)) for name, value in flattened(user) if plain(value) is not None}


def _effect(tenant: Tenant, place: JobPlace, mapping: Json, record: Mapping[str, str]) -> Effect:
    row, name, called = row_of(mapping), (mapping.get("source") or {}).get("name"), functions(mapping)
    unknown = Effect(row.target, row.expression, None, evaluated=False)
    if row.target.startswith("passwordProfile"):
        return replace(unknown, note="a password is shown to nobody")
    when = "only when the account is made" if row.when == "create" else ""
    if row.kind == "Attribute":
        return _with_default(row, record.get(str(name)), when)
    if row.kind in ("Constant", ""):
        return _with_default(row, str(name) if row.kind else None, when)
    here = evaluate(row.expression, record)
    if UNIQUE in called and isinstance(here, Unsaid):
        return replace(unknown, note=here.reason)
    try:
        parsed = tenant.parse(place, row.expression, record)
    except Refused as error:
        refused = f"Entra does not evaluate it: {error}"
        if isinstance(here, Unsaid):
            return replace(unknown, note=refused)
        note = "; ".join(filter(None, ("as Entra's reference has it", refused, when)))
        return _with_default(row, _written(here), note)
    if not parsed.evaluated:
        why = parsed.error or "no value and no reason was given"
        return replace(unknown, note=f"Entra could not evaluate it: {why}")
    return _with_default(row, _written(parsed.values), "another one each time" if called & CHANCE else when)


def _written(value: str | Sequence[str] | None) -> str | None:
    return value if isinstance(value, str) else ", ".join(value or ()) or None


def _with_default(row: MappingRow, value: str | None, note: str) -> Effect:
    if value in (None, "") and row.default:
        value, note = row.default, "; ".join(filter(None, ("by default", note)))
    return Effect(row.target, row.expression, value, note)


PAUSE = 5.0
SLOWLY = 30.0
FIRST = 120.0  # seconds: so long it is looked often
AFTERWARDS = 2  # looks after the answer: a manager is set by an entry of its own (docs/entra.md D4)


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
