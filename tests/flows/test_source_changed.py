"""The source file is looked at when a plan is approved, when its first call leaves, and while it is sent."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import yaml

from shared.model.errors import NotPossible
from shared.model.plan import PLAN, encode_plan, plan_hash
from shared.model.runs import Answer, Receipt, Run, RunState
from shared.planning.decide import cancel, replan, resend
from shared.planning.todays_source import NOT_COMPARED, PARTS, parts_of
from shared.sources.source import Gates, Source, read_source
from tests.support.desk import ATTRIBUTES, Desk, Row, desk, people
from tests.support.graph import BUCKET_FULL, endpoint, entry, status
from tests.support.house import fitted

S = RunState
OPEN = "gates: {disables: null, enables: null, creates: null, changes: null, attribute_changes: null, shrink: null}"
OTHER = endpoint().replace("/jobs/", "/jobs/other.")


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, SEND_CONCURRENCY="1")


@pytest.fixture
def begun(tmp_path: Path) -> Desk:
    """A desk whose gates let everything pass, with 100 people known."""
    made = desk(tmp_path, OPEN, SEND_CONCURRENCY="1")
    made.settle(made.sent(people(100), "a.csv"))
    return made


def leavers(count: int, everybody: int = 100) -> list[Row]:
    return [replace(row, status="Left") for row in people(count)] + people(everybody - count, start=count + 1)


def held(made: Desk) -> Run:
    made.sent(people(100), "a.csv")
    run = made.drop(leavers(20), "b.csv")
    assert run.state is S.HELD
    return run


def planned_again(made: Desk, run: Run) -> Run:
    made.clock.advance(seconds=1)
    return replan(made.rollcall.house.ledger, run.run_id, made.clock.now())


def disabled(made: Desk) -> set[str]:
    return {key for key, user in made.graph.users.items() if not user["active"]}


def outcomes(made: Desk, run: Run) -> dict[str, dict[str, str]]:
    return {row["key"]: row for row in csv.DictReader(io.StringIO(made.file(run, "outcome.csv").decode()))}


def source_file(made: Desk) -> Path:
    return made.rollcall.folder / "employees.yaml"


# Approving


def test_somebody_who_is_protected_after_the_plan_was_made_stays_enabled(made: Desk) -> None:
    run = held(made)
    made.source("protected: [p0007]")
    with pytest.raises(NotPossible, match=r"\(protected\).*rollcall replan"):
        made.approve(run)
    new = planned_again(made, run)
    made.sweep()
    assert made.run(new).state is S.HELD
    made.approve(made.run(new))
    made.send()
    assert made.run(new).state is S.SENT
    assert disabled(made) == {row.id for row in people(20)} - {"p0007"}


@pytest.mark.parametrize(
    ("more", "attributes", "url", "parts"),
    [
        ("", {**ATTRIBUTES, "title": "name"}, None, "attributes"),
        ("", ATTRIBUTES, OTHER, "endpoint"),
        ("gates: {disables: 50%}", ATTRIBUTES, None, "gates"),
        ("first_run: hold", ATTRIBUTES, None, "gates"),
        ("protected: [p9*]", ATTRIBUTES, None, "protected"),
        ("duplicates: reject", ATTRIBUTES, None, "duplicates"),
        ("absence: disable\nprotected: [p9*]", ATTRIBUTES, None, "absence, protected"),
        ("absence_grace: 5", ATTRIBUTES, None, "absence"),
    ],
)
def test_an_approval_names_the_parts_that_have_changed(
    made: Desk, more: str, attributes: dict[str, str], url: str | None, parts: str
) -> None:
    run = held(made)
    made.source(more, attributes=attributes, url=url)
    with pytest.raises(NotPossible) as error:
        made.approve(run)
    assert f"({parts})" in str(error.value)
    assert made.run(run).state is S.HELD
    made.source()
    made.approve(run)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "# a note\n" + text.replace("\nkey: id", "\n\nkey: id   # the personnel number"),
        lambda text: text + "alerts: {failed: 50%}\n",
        lambda text: text.replace("display_name: Test", "display_name: Another name"),
        lambda text: text.replace("  title: title\n", "") + "  title: {column: title}\n",
        lambda text: text + "absence: report\ngates: {floor: 5}\n",
        lambda text: text.replace("bulkUpload\n", "bulkUpload/\n"),
    ],
    ids=["comments", "alerts", "app", "order", "defaults", "slash"],
)
def test_what_changes_nothing_that_is_sent_stops_nothing(made: Desk, change: object) -> None:
    run = held(made)
    before = source_file(made).read_text()
    text = change(before)  # type: ignore[operator]
    assert text != before
    source_file(made).write_text(text)
    made.approve(run)
    made.send()
    assert made.run(run).state is S.SENT


def test_the_order_of_the_protected_does_not_matter(made: Desk) -> None:
    made.source("protected: [x1, x2]")
    run = held(made)
    made.source("protected: [x2, x1, x2]")
    made.approve(run)


def test_every_key_of_a_source_file_is_a_part_or_is_named_as_none() -> None:
    named = [key for keys in PARTS.values() for key in keys]
    assert sorted([*named, *NOT_COMPARED]) == sorted(Source.model_fields)


def test_a_key_that_a_later_release_knows_changes_no_hash() -> None:
    """What a file does not say is not hashed, so an upgrade stops no run."""

    class LaterGates(Gates):
        renames: int = 10

    class LaterSource(Source):
        gates: LaterGates = LaterGates()
        order: str = "any"

    text = "source: x\nkey: id\nattributes: {userName: id, active: {constant: true}}\n"
    plain, said = read_source(text, "x.yaml"), read_source(text + "gates: {floor: 5, disables: 5%}\n", "x.yaml")
    later = LaterSource.model_validate(yaml.safe_load(text))
    assert parts_of(plain) == parts_of(said) == parts_of(later)


# A source file that does not read


@pytest.mark.parametrize("text", ["source: employees\nkey: [\n", None], ids=["broken", "gone"])
def test_a_source_file_that_does_not_read_approves_and_sends_nothing(made: Desk, text: str | None) -> None:
    run, file = held(made), source_file(made)
    before = file.read_text()

    def spoil() -> None:
        file.unlink() if text is None else file.write_text(text)

    spoil()
    with pytest.raises(NotPossible, match=r"employees"):
        made.approve(run)
    file.write_text(before)
    made.approve(run)
    spoil()
    made.rollcall.house.send_runs()
    assert made.run(run).state is S.BLOCKED
    assert ("employees.yaml:" if text else "its file is gone") in made.run(run).reasons[0]
    assert not disabled(made)
    file.write_text(before)
    made.clock.advance(minutes=20)
    made.send()
    assert made.run(run).state is S.SENT


# The first call


def test_a_planned_run_is_blocked_and_planned_again(begun: Desk) -> None:
    run = begun.drop(leavers(20), "b.csv")
    begun.source(f"protected: [p0007]\n{OPEN}")
    calls = len(begun.graph.calls)
    begun.send()
    assert begun.run(run).state is S.BLOCKED
    assert f"rollcall replan {run.run_id}" in begun.run(run).reasons[0]
    assert len(begun.graph.calls) == calls
    new = planned_again(begun, run)
    begun.send()
    assert (begun.run(run).state, begun.run(new).state) == (S.CANCELLED, S.SENT)
    assert disabled(begun) == {row.id for row in people(20)} - {"p0007"}
    begun.rollcall.house.collect_logs()
    assert begun.run(run).settled_at
    assert {row["outcome"] for row in outcomes(begun, run).values()} == {"not_sent", "unchanged"}


def test_a_run_that_waits_for_its_first_call_is_looked_at_again(begun: Desk) -> None:
    """It has begun, and no call was made."""
    run = begun.drop(leavers(20), "b.csv")
    begun.rollcall.with_sender(quota=_Closed()).send_runs()
    assert begun.run(run).sending_at
    begun.source(f"protected: [p0007]\n{OPEN}")
    begun.clock.advance(hours=1)
    begun.send()
    assert begun.run(run).state is S.BLOCKED
    assert "protected" in begun.run(run).reasons[0]
    new = planned_again(begun, run)
    begun.send()
    assert begun.run(new).state is S.SENT


class _Closed:
    """A quota that gives nothing."""

    told = "the quota is used up"

    def take(self, lane: int) -> bool:
        return False

    def opens_at(self, lane: int) -> None:
        return None

    def refresh(self) -> None:
        return

    give_back = put_back = refresh


def test_a_planned_run_is_planned_again_without_being_blocked(begun: Desk) -> None:
    run = begun.drop(leavers(20), "b.csv")
    new = planned_again(begun, run)
    begun.send()
    assert (begun.run(run).state, begun.run(new).state) == (S.CANCELLED, S.SENT)


def test_a_source_that_gets_its_endpoint_later_sends_what_was_planned(made: Desk) -> None:
    made.rollcall.add_source("contractors", url="")
    run = made.rollcall.drop(["x1"], source="contractors")
    made.send()
    assert made.run(run).state is S.BLOCKED
    made.rollcall.add_source("contractors")
    made.clock.advance(minutes=20)
    made.send()
    assert made.run(run).state is S.SENT


def test_a_plan_of_before_is_not_compared(begun: Desk) -> None:
    run = begun.drop(leavers(20), "b.csv")
    house = begun.rollcall.house
    body = encode_plan(replace(begun.plan(run), source_parts={}, endpoint="", protected=()))
    with house.files.writer(run, PLAN) as file:
        file.write(body)
    house.ledger.save(replace(begun.run(run), plan_hash=plan_hash(body)))
    begun.source(f"protected: [p0007]\nabsence: disable\n{OPEN}")
    begun.send()
    assert begun.run(run).state is S.SENT
    assert disabled(begun) == {row.id for row in people(20)} - {"p0007"}


# While it is sent


def under_way(made: Desk, rows: list[Row]) -> Run:
    """A run of which the first call was accepted; the service then asks for a pause."""
    run = made.drop(rows, "b.csv")
    made.graph.script.extend([made.graph.otherwise, BUCKET_FULL])
    made.rollcall.house.send_runs()
    assert made.run(run).state is S.SENDING
    made.clock.advance(minutes=20)
    return run


def test_who_is_protected_while_a_run_is_sent_is_left_out(begun: Desk) -> None:
    run = under_way(begun, leavers(80))
    begun.source(f"protected: [p0001, p0060, 'p007*']\n{OPEN}")
    begun.send()
    assert begun.run(run).state is S.SENT
    safe = {"p0060", *(f"p{number:04d}" for number in range(70, 80))}  # p0001 was disabled before
    assert disabled(begun) == {row.id for row in people(80)} - safe
    assert begun.run(run).figures.not_sent == len(safe)
    with begun.rollcall.house.people.open("employees") as known:
        assert all(person.active and not person.send_again for person in known if person.key in safe)
        assert all(person.run_id != run.run_id for person in known if person.key in safe)
    begun.clock.advance(minutes=5)
    for key in sorted({row.id for row in people(80)} - safe):
        begun.graph.log.append(entry(key, begun.clock.now(), "disable"))
    for _ in range(2):
        begun.clock.advance(minutes=30)
        begun.rollcall.house.collect_logs()
    settled = begun.run(run)
    assert settled.state is S.SETTLED
    assert (settled.figures.disabled, settled.figures.not_sent, settled.figures.unknown) == (69, 11, 0)
    row = outcomes(begun, run)["p0060"]
    assert (row["outcome"], row["sent"]) == ("not_sent", "no")
    assert row["reason"] == "protected in the source file since this plan was made"
    later = begun.drop(leavers(80), "c.csv")
    assert later.figures.rejected == len(safe)  # today's rules
    assert not any(person.chunk for person in begun.people(later))


def test_who_is_protected_between_two_calls_of_one_tick_is_left_out(begun: Desk) -> None:
    begun.graph.on_call = lambda number: begun.source(f"protected: [p0060]\n{OPEN}")
    run = begun.drop(leavers(80), "b.csv")
    begun.send()
    assert begun.run(run).state is S.SENT
    assert "p0060" not in disabled(begun)
    assert len(disabled(begun)) == 79


class _Eager:
    """A ledger behind which something happens as soon as a receipt says that a call starts."""

    def __init__(self, plain: object, happens: Callable[[], None]) -> None:
        self.plain, self.happens = plain, happens

    def __getattr__(self, name: str) -> object:
        return getattr(self.plain, name)

    def record(self, run_id: str, receipt: Receipt) -> Receipt:
        kept: Receipt = self.plain.record(run_id, receipt)  # type: ignore[attr-defined]
        if receipt.answer is Answer.STARTED:
            self.happens()
        return kept


def test_who_is_protected_between_the_receipt_and_the_call_is_left_out(begun: Desk) -> None:
    run = begun.drop(leavers(20), "b.csv")
    ledger = _Eager(begun.rollcall.house.ledger, lambda: begun.source(f"protected: [p0007]\n{OPEN}"))
    begun.rollcall.with_sender(ledger=ledger).send_runs()
    assert begun.run(run).state is S.SENT
    assert disabled(begun) == {row.id for row in people(20)} - {"p0007"}
    assert begun.run(run).figures.not_sent == 1
    with begun.rollcall.house.people.open("employees") as known:
        assert not any(person.send_again for person in known)


def test_an_endpoint_that_is_changed_between_the_receipt_and_the_call_gets_none(begun: Desk) -> None:
    run = begun.drop(leavers(20), "b.csv")
    ledger = _Eager(begun.rollcall.house.ledger, lambda: begun.source(OPEN, url=OTHER))
    calls = len(begun.graph.calls)
    begun.rollcall.with_sender(ledger=ledger).send_runs()
    assert begun.run(run).state is S.BLOCKED
    assert len(begun.graph.calls) == calls
    begun.clock.advance(minutes=20)
    begun.send()
    assert f"rollcall replan {run.run_id}" in begun.run(run).reasons[0]  # no call was made
    new = planned_again(begun, run)
    begun.send()
    assert begun.run(new).state is S.SENT
    assert {call.url for call in begun.graph.calls[calls:]} == {OTHER}


def test_everybody_may_be_left_out(begun: Desk) -> None:
    run = under_way(begun, leavers(60))
    begun.source(f"protected: ['*']\n{OPEN}")
    calls = len(begun.graph.calls)
    begun.send()
    assert begun.run(run).state is S.SENT
    assert len(begun.graph.calls) == calls
    assert (begun.run(run).figures.not_sent, len(disabled(begun))) == (10, 50)


def test_active_records_of_the_protected_are_sent(begun: Desk) -> None:
    run = under_way(begun, [*leavers(50)[:50], *people(50, start=51, title="Boss")])
    begun.source(f"protected: ['*']\n{OPEN}")
    begun.send()
    assert begun.run(run).state is S.SENT
    assert begun.graph.users["p0100"]["title"] == "Boss"
    assert begun.run(run).figures.not_sent == 0


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("count", [1, 20])
def test_who_may_have_been_disabled_before_is_in_doubt(begun: Desk, count: int, at_once: bool) -> None:
    """The call got no answer, the person is protected, and the call is not made again."""
    leaver = [replace(row, status="Left") if row.id == "p0007" else row for row in people(100)]
    run = begun.drop(leavers(count) if count > 1 else leaver, "b.csv")

    def taken(request: httpx.Request) -> httpx.Response:
        begun.graph._upsert(request)
        if at_once:
            begun.source(f"protected: [p0007]\n{OPEN}")
        raise httpx.RemoteProtocolError("cut", request=request)

    begun.graph.script.extend([taken] if at_once else [taken, status(503, Retry_After="900")])
    begun.rollcall.house.send_runs()
    begun.clock.advance(minutes=20)
    begun.source(f"protected: [p0007]\n{OPEN}")
    begun.send()
    assert begun.run(run).state is S.SENT
    assert begun.run(run).figures.not_sent == 0  # possibly sent
    with begun.rollcall.house.people.open("employees") as known:
        assert [person.key for person in known if person.send_again] == ["p0007"]
    begun.sent(people(100), "c.csv")
    assert begun.graph.users["p0007"]["active"]


def test_a_process_that_dies_while_a_part_is_halved_leaves_nobody_out_of_the_books(begun: Desk) -> None:
    run = under_way(begun, leavers(80))
    begun.source(f"protected: [p0060]\n{OPEN}")
    plain = begun.rollcall.house.ledger

    class Dying:
        """A ledger that dies at the third receipt."""

        left = 2

        def __getattr__(self, name: str) -> object:
            return getattr(plain, name)

        def record(self, *parts: object) -> object:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return plain.record(*parts)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        begun.rollcall.with_sender(ledger=Dying()).send_runs()
    begun.rollcall = begun.rollcall.restarted()
    begun.clock.advance(minutes=20)
    begun.send()
    assert begun.run(run).state is S.SENT
    assert disabled(begun) == {row.id for row in people(80)} - {"p0060"}
    answers = [receipt.answer for receipt in begun.rollcall.receipts(run)]
    assert answers.count(Answer.LEFT_OUT) == 1


def test_a_run_that_is_cancelled_after_people_were_left_out_says_why(begun: Desk) -> None:
    run = under_way(begun, leavers(80))
    begun.source(f"protected: [p0051]\n{OPEN}")
    begun.graph.script.append(status(503, Retry_After="3600"))
    begun.rollcall.house.send_runs()
    cancel(begun.rollcall.house.ledger, run.run_id, "Anna", "", begun.clock.now())
    begun.send()
    begun.clock.advance(hours=3)
    begun.rollcall.house.collect_logs()
    begun.rollcall.house.collect_logs()
    rows = outcomes(begun, run)
    assert "protected" in rows["p0051"]["reason"]
    assert {rows[f"p{number:04d}"]["outcome"] for number in (51, 80)} == {"not_sent"}
    assert begun.run(run).figures.not_sent == sum(row["outcome"] == "not_sent" for row in rows.values())


def test_another_endpoint_blocks_a_run_under_way_until_it_is_put_back(begun: Desk) -> None:
    run = under_way(begun, leavers(80))
    begun.source(OPEN, url=OTHER)
    calls = len(begun.graph.calls)
    begun.send()
    assert begun.run(run).state is S.BLOCKED
    assert "endpoint" in begun.run(run).reasons[0]
    assert f"rollcall cancel {run.run_id}" in begun.run(run).reasons[0]
    assert len(begun.graph.calls) == calls
    with pytest.raises(NotPossible, match="rollcall cancel"):
        planned_again(begun, run)
    begun.source(OPEN)
    begun.clock.advance(minutes=20)
    begun.send()
    assert begun.run(run).state is S.SENT


def test_another_endpoint_between_two_calls_of_one_tick_makes_no_second_call(begun: Desk) -> None:
    begun.graph.on_call = lambda number: begun.source(OPEN, url=OTHER)
    run = begun.drop(leavers(80), "b.csv")
    begun.send()
    assert begun.run(run).state is S.BLOCKED
    assert len(disabled(begun)) == 50


@pytest.mark.parametrize("text", ["source: employees\nkey: [\n", None], ids=["broken", "gone"])
def test_a_source_file_that_stops_reading_blocks_a_run_under_way(begun: Desk, text: str | None) -> None:
    run, file = under_way(begun, leavers(80)), source_file(begun)
    before = file.read_text()
    file.unlink() if text is None else file.write_text(text)
    begun.rollcall.house.send_runs()
    assert begun.run(run).state is S.BLOCKED
    file.write_text(before)
    begun.clock.advance(minutes=20)
    begun.send()
    assert begun.run(run).state is S.SENT


def test_nothing_else_in_the_source_file_stops_a_run_under_way(begun: Desk) -> None:
    run = under_way(begun, leavers(80))
    begun.source("gates: {disables: 0, floor: 0}\nabsence: disable\nduplicates: reject", attributes={
        **ATTRIBUTES, "title": "name"
    })  # fmt: skip
    begun.send()
    assert begun.run(run).state is S.SENT
    assert len(disabled(begun)) == 80


# Sending people again


def again(made: Desk, old: Run, *keys: str) -> Run:
    house = made.rollcall.house
    made.clock.advance(seconds=1)
    run = resend(house.ledger, house.files, old.run_id, keys, made.clock.now())
    made.send()
    return made.run(run)


def test_a_disable_of_somebody_who_is_protected_now_is_not_sent_again(begun: Desk) -> None:
    old = begun.settle(begun.sent(leavers(20), "b.csv"), failed=["p0007", "p0008"])
    begun.source(f"protected: [p0007]\n{OPEN}")
    told = len(begun.graph.told["p0007"])
    run = again(begun, old, "p0007", "p0008", "p0050")
    assert run.state is S.SENT
    assert sorted(begun.actions(run)) == ["p0008"]
    assert len(begun.graph.told["p0007"]) == told
    assert begun.plan(run).left_out == {"p0007": "protected in the source file, and the newest record disables"}
    planned = begun.rollcall.house.ledger.runs("employees")
    assert planned[-1].run_id == run.run_id


def test_who_is_left_out_is_a_reason_of_the_run(begun: Desk) -> None:
    old = begun.settle(begun.sent(leavers(20), "b.csv"), failed=["p0007", "p0008"])
    begun.source(f"protected: [p0007]\n{OPEN}")
    house = begun.rollcall.house
    begun.clock.advance(seconds=1)
    run = resend(house.ledger, house.files, old.run_id, ["p0007", "p0008"], begun.clock.now())
    begun.sweep()
    assert begun.run(run).reasons == (
        "1 person is left out: protected in the source file, and the newest record disables",
    )


def test_a_failed_creation_is_sent_again_from_its_run_while_the_mapping_is_the_same(begun: Desk) -> None:
    begun.graph.refuses = {"p0101", "p0102"}
    old = begun.sent([*people(102)], "b.csv")
    begun.graph.refuses = set()
    assert sorted(begun.actions(again(begun, old, "p0101"))) == ["p0101"]
    begun.source(OPEN, attributes={**ATTRIBUTES, "title": "name"})
    run = again(begun, old, "p0102")
    assert begun.actions(run) == {}
    assert "mapping has changed" in begun.plan(run).left_out["p0102"]
    assert "p0102" not in begun.graph.users


def test_who_may_have_been_sent_something_newer_is_left_out(begun: Desk) -> None:
    old = begun.rollcall.house.ledger.runs("employees")[0]
    wrong = begun.drop(leavers(20), "b.csv")

    def taken(request: httpx.Request) -> httpx.Response:
        begun.graph._upsert(request)
        raise httpx.RemoteProtocolError("cut", request=request)

    begun.graph.script.extend([taken, status(503, Retry_After="900")])
    begun.rollcall.house.send_runs()
    cancel(begun.rollcall.house.ledger, wrong.run_id, "Anna", "wrong file", begun.clock.now())
    begun.clock.advance(minutes=20)
    begun.send()
    told = len(begun.graph.told["p0007"])
    run = again(begun, old, "p0007", "p0050")
    assert sorted(begun.actions(run)) == ["p0050"]
    assert len(begun.graph.told["p0007"]) == told
    assert list(begun.plan(run).left_out) == ["p0007"]


@pytest.mark.parametrize("blocked", [False, True])
def test_people_sent_again_are_planned_again_where_the_source_file_has_changed(begun: Desk, blocked: bool) -> None:
    old = begun.settle(begun.sent(leavers(20), "b.csv"), failed=["p0007", "p0008"])
    house = begun.rollcall.house
    begun.clock.advance(seconds=1)
    run = resend(house.ledger, house.files, old.run_id, ["p0007", "p0008"], begun.clock.now())
    begun.sweep()
    begun.source(f"protected: [p0007]\n{OPEN}")
    if blocked:
        house.send_runs()
        assert begun.run(run).state is S.BLOCKED
        assert "protected" in begun.run(run).reasons[0]
    new = planned_again(begun, run)
    begun.send()
    assert begun.run(new).state is S.SENT
    assert sorted(begun.actions(new)) == ["p0008"]
    third = planned_again_of_planned(begun, new, old)
    assert sorted(begun.actions(third)) == ["p0008"]


def planned_again_of_planned(made: Desk, new: Run, old: Run) -> Run:
    """A run that was planned again, and again before it was sent, still knows whom it is about."""
    house = made.rollcall.house
    made.clock.advance(seconds=1)
    first = resend(house.ledger, house.files, old.run_id, ["p0008"], made.clock.now())
    made.sweep()
    second = planned_again(made, first)
    made.sweep()
    third = planned_again(made, second)
    made.send()
    assert made.run(third).state is S.SENT
    return third


def test_people_sent_again_do_not_wait_for_what_does_not_concern_them(begun: Desk) -> None:
    old = begun.settle(begun.sent(leavers(20), "b.csv"), failed=["p0007"])
    house = begun.rollcall.house
    begun.clock.advance(seconds=1)
    run = resend(house.ledger, house.files, old.run_id, ["p0007"], begun.clock.now())
    begun.sweep()
    begun.source(OPEN, attributes={**ATTRIBUTES, "title": "name"})
    begun.send()
    assert begun.run(run).state is S.SENT


def test_the_run_of_people_in_doubt_is_compared_and_planned_again(tmp_path: Path) -> None:
    made = desk(tmp_path, OPEN, mode="partial", SEND_CONCURRENCY="1")
    made.settle(made.sent(people(30), "a.csv"))
    wrong = made.drop([replace(people(1)[0], status="Left")], "b.csv")

    def taken(request: httpx.Request) -> httpx.Response:
        made.graph._upsert(request)
        raise httpx.RemoteProtocolError("cut", request=request)

    made.graph.script.extend([taken, status(503, Retry_After="900")])
    made.rollcall.house.send_runs()
    cancel(made.rollcall.house.ledger, wrong.run_id, "Anna", "", made.clock.now())
    made.clock.advance(minutes=20)
    made.rollcall.house.send_runs()
    made.drop(people(1, start=31), "c.csv")
    made.rollcall.house.send_runs()
    made.sweep()
    (run,) = [run for run in made.rollcall.house.ledger.runs("employees") if run.in_doubt]
    assert run.state is S.PLANNED
    made.source(f"protected: [p0099]\n{OPEN}", mode="partial")
    made.rollcall.house.send_runs()
    assert made.run(run).state is S.BLOCKED
    new = planned_again(made, run)
    made.send()
    assert (made.run(new).state, made.run(new).in_doubt) == (S.SENT, True)
    assert made.graph.users["p0001"]["active"]


def test_the_console_refuses_what_has_changed(made: Desk) -> None:
    assert fitted(made.rollcall.house).console.source("employees").source == "employees"
    assert json.loads(made.file(held(made), PLAN))["source_parts"].keys() >= {"attributes", "protected", "endpoint"}
