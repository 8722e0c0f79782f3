"""`rollcall person`: what Entra was last told of one person, and what became of it."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.text import Text

from cli import console
from cli.answers import STYLES
from cli.drops import must_be_source
from cli.errors import CommandError
from shared.app import House
from shared.collecting.advice import advice_for
from shared.known_people.people import KnownPerson
from shared.model.errors import Damaged, UnknownRun
from shared.model.runs import Run
from shared.planning.next_drop import Expected, expected, run_under_way
from shared.run_folder.folder import RunFolder

EARLIER = 30  # runs that are looked through for somebody who is not known


def person(house: House, key: str, source: str, *, as_json: bool) -> None:
    """When, in which run, with what, and with what outcome; and what the next drop does."""
    must_be_source(house, source)
    with house.people.open(source) as people:
        known = people.get(key)
    run_id = known.run_id if known else ""
    run = _run(house, run_id) if run_id else _last_run_with(house, key, source)
    if run is None and known is None:
        raise CommandError(f"Entra was never told of {key} by the source {source}")
    user, damage = _told(house, run, key) if run else (None, "")
    evidence = house.outcomes.of(run.run_id).get(key) if run else None
    outcome = evidence.outcome if evidence else (known.outcome if known else "")
    following = expected(known, run_under_way(house.ledger, house.files, source, key))
    answer: dict[str, Any] = {
        "key": key,
        "source": source,
        "run_id": run.run_id if run else run_id,
        "sent_at": run.sent_at.isoformat() if run and run.sent_at else None,
        "outcome": outcome or "awaited",
        "code": evidence.code if evidence else "",
        "reason": evidence.reason if evidence else "",
        "target_id": evidence.target_id if evidence else "",
        "active": known.active if known else None,
        "absences": known.absences if known else None,
        "will_be_sent_again": following.sends_again,
        "next": following.what,
        "user": user,
        "damage": damage,
    }
    if as_json:
        console.print_json(answer)
    else:
        _print(answer, known, following)


def _print(answer: dict[str, Any], known: KnownPerson | None, following: Expected) -> None:
    screen = console.out()
    outcome = str(answer["outcome"])
    screen.print(
        Text.assemble((answer["key"], "bold"), f" of {answer['source']}  ", (outcome, STYLES.get(outcome, "")))
    )
    screen.print(f"told      in run {answer['run_id']}" + (f", {answer['sent_at']}" if answer["sent_at"] else ""))
    if outcome in ("failed", "skipped") and answer["code"]:
        advice = advice_for(answer["code"])
        screen.print(Text(f"because   {answer['code']}: {answer['reason']}"))
        if advice.remedy:
            screen.print(f"to do     {advice.remedy}")
    if answer["target_id"]:
        screen.print(f"account   {answer['target_id']}")
    screen.print(Text(f"next      {following.sentence}"))
    if known and known.absences:
        screen.print(f"missing   from {console.counted(known.absences, 'full drop')} in a row")
    if answer["damage"]:
        screen.print(Text(answer["damage"]))
    elif answer["user"] is None:
        screen.print("what was sent is not kept any more")
    else:
        screen.print(Text(msgspec.json.format(msgspec.json.encode(answer["user"]), indent=2).decode()))


def _told(house: House, run: Run, key: str) -> tuple[Any, str]:
    """The SCIM user that was sent, None where the files are gone or the person is not in it; and what is damaged."""
    folder = RunFolder(house.files, run)
    try:
        found = folder.planned(key)
        return folder.user(*found) if found else None, ""
    except Damaged as error:
        return None, str(error)


def _run(house: House, run_id: str) -> Run | None:
    try:
        return house.ledger.get(run_id)
    except UnknownRun:
        return None


def _last_run_with(house: House, key: str, source: str) -> Run | None:
    """Somebody who failed is not in people.db any more: the last run that sent them."""
    for run in reversed(house.ledger.runs(source)[-EARLIER:]):
        if run.sending_at and RunFolder(house.files, run).sends(key):
            return run
    return None
