"""`rollcall setup rehearse` and `preview`: one person, from the newest drop or from a file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from cli import console
from cli.console import CommandError
from cli.drops import PIECE_BYTES, must_be_files
from cli.setup.office import Office
from shared.collecting.entries import LogEntry
from shared.collecting.outcomes import verdict_of
from shared.files.records import read_records
from shared.graph.log import GraphLog
from shared.graph.upload import GraphUpload
from shared.mapping.mapping import Mapping, Person, Rejection
from shared.model.limits import LOG_CALLS, LOG_WINDOW
from shared.provisioning_app.one_person import Effect, Rehearsal, follow, send, texts_of
from shared.provisioning_app.one_person import preview as effects_of
from shared.provisioning_app.schema import decoded
from shared.sending.replies import Pacer

WELL, FAILED, NO_ANSWER = 0, 1, 3


def rehearse(office: Office, key: str, file: Path | None, minutes: float, *, as_json: bool) -> int:
    """Send the person and follow the log. 0: provisioned, 1: failed, 3: no answer in time."""
    person = person_of(office, key, file)
    found = office.find()
    if not found.is_started:
        state = found.job.state if found.job else "not there"
        raise CommandError(f"the job is {state}, so nobody would be provisioned: rollcall setup start")
    told = (f"a real account is made or changed, as the next drop would: {key}", "one call of the tenant's daily quota")
    if not office.agreed(f"send {key} to {found.app.display_name if found.app else 'the app'}", told):
        return FAILED
    rehearsal = Rehearsal(
        office.graph.hosts.endpoint(office.endpoint_at(found.place)),
        GraphUpload(office.graph),
        GraphLog(office.graph, Pacer(LOG_CALLS, LOG_WINDOW)),
        office.clock,
        office.say,
        timedelta(minutes=minutes),
    )
    reply = send(person, rehearsal)
    _count(office)
    office.say(f"taken (202); request-id {reply.request_id}")
    entries = []
    for entry in follow(key, reply.at, rehearsal):
        entries.append(entry)
        if not as_json:
            _print(entry)
    if as_json:
        console.print_json([dict(entry.raw) for entry in entries])
    verdicts = [verdict for entry in entries if (verdict := verdict_of(entry))]
    if not verdicts:
        console.complain(f"no answer about {key} within {minutes:g} minutes; it may still come: rollcall setup status")
        return NO_ANSWER
    return FAILED if verdicts[-1] in ("failed", "skipped") else WELL


def preview(office: Office, key: str, file: Path | None, *, as_json: bool) -> None:
    """What each attribute would get, by the job's own mappings."""
    person = person_of(office, key, file)
    place = office.find().place
    schema = decoded(office.tenant.schema(place))
    found = effects_of(office.tenant, place, schema, texts_of(person.user))
    if as_json:
        console.print_json(found)
    else:
        console.print_table(console.out(), _table(found))


def person_of(office: Office, key: str, file: Path | None) -> Person:
    """The person as the file, or the source's newest drop, tells it. Raises CommandError."""
    table = read_records(_content(office, file), office.source.csv, office.source.columns)
    mapping = Mapping(office.source, table.header)
    latest = None
    for record in table.records:
        if not record.fault and mapping.key(record.cells) == key:
            latest = record
            if office.source.duplicates == "reject":
                break
    if latest is None:
        raise CommandError(f"nobody in {file or 'the newest drop'} has the key {key!r}")
    (found,) = mapping.people([latest])
    if isinstance(found, Rejection):
        raise CommandError(f"{key} (line {found.line}) cannot be sent: {found.reason}")
    return found


def _content(office: Office, file: Path | None) -> Iterable[bytes]:
    if file is not None:
        must_be_files([file])
        with file.open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
        return
    drops = office.around.house().storage.drops
    versions = list(drops.versions(f"{office.source.source}/"))
    if not versions:
        raise CommandError(f"source {office.source.source} has no drop yet; name a file: --file FILE")
    newest = max(versions, key=lambda version: version.last_modified)
    office.say(f"the newest drop is {newest.path} of {newest.last_modified:%Y-%m-%d %H:%M} UTC")
    yield from drops.drop(newest.path).chunks()


def _count(office: Office) -> None:
    """The call is entered in the app's book of calls where there is one."""
    if office.around.is_set_up:
        quota, now = office.around.house().sender.quota, office.clock.now()
        budget = quota.budget().with_calls(1, now)
        quota.book.write(budget, now.replace(second=0, microsecond=0))


def _print(entry: LogEntry) -> None:
    screen = console.out()
    verdict = verdict_of(entry) or entry.status
    style = "bold red" if verdict == "failed" else "yellow" if verdict == "skipped" else "green"
    screen.print(
        Text.assemble((f"{entry.at:%H:%M:%S} ", "dim"), (verdict, style), f"  {entry.action} {entry.target_id}")
    )
    for step in _dicts(entry.raw.get("provisioningSteps")):
        screen.print(Text(f"  {step.get('status', ''):<8} {step.get('name', '')}: {step.get('description') or ''}"))
        for name, value in (step.get("details") or {}).items():
            screen.print(Text(f"             {name}: {value}", "dim"))
    for change in _dicts(entry.raw.get("modifiedProperties")):
        old, new = change.get("oldValue"), change.get("newValue")
        screen.print(Text(f"  {change.get('displayName')}: {old or '-'} -> {new or '-'}"))
    if entry.error_code or entry.reason:
        screen.print(Text(f"  {entry.error_code}: {entry.reason}", style))


def _dicts(rows: Any) -> list[dict[str, Any]]:
    return [row for row in rows or () if isinstance(row, dict)]


def _table(found: list[Effect]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("account", "value", "from", "note"):
        table.add_column(name, overflow="fold")
    for each in found:
        value = each.value if each.value is not None else "?" if not each.evaluated else "(left alone)"
        table.add_row(Text(each.target), Text(value), Text(each.expression), Text(each.note))
    return table
