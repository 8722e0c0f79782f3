"""Faults put back into the product, each of which a bounded run of histories must find.

A mutation patches functions of the product for a while. `found_by` names the violations that count: a mutation is found
when one of them breaks a history that keeps that promise without the mutation. `histories` says which histories are
looked at; most are found by any, some only where what they need happens more often.

To add one: write a context manager that patches the product, and an entry in `MUTATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard
from unittest.mock import patch

from shared.collecting import outcomes
from shared.known_people.people import People
from shared.model import plan as changes
from shared.planning import compare
from shared.planning.plan_revert import Reversal, What, _Judged
from shared.sending.quota import Quota
from shared.stores.ledger import TableLedger
from tests.histories.actions import (
    Action,
    Approve,
    Cycle,
    Drop,
    Edit,
    Fault,
    History,
    Meanwhile,
    MoveEndpoint,
    Protect,
    Resend,
    Resume,
    Revert,
    Spot,
    Step,
    StopSending,
    Tamper,
    Threshold,
    Turn,
    Wait,
)
from tests.histories.draw import draw
from tests.histories.run import run

ENOUGH = 300  # histories


@dataclass(frozen=True)
class Mutation:
    """A fault, how it is put back, and which violations tell of it."""

    name: str
    put_back: Callable[[], AbstractContextManager[object]]
    found_by: frozenset[str]
    history: Callable[[int], History] = field(default=draw)
    first: int = 0  # the seed where a hunt begins: few histories show some faults


def hunt(mutation: Mutation, count: int = ENOUGH) -> tuple[int, str] | None:
    """The first history that finds a mutation, and by which violation. To be called inside `product_in_small()`."""
    for seed in range(mutation.first, mutation.first + count):
        history = mutation.history(seed)
        with mutation.put_back():
            broken = mutation.found_by.intersection(run(history).names())
        if broken and (new := broken.difference(run(history).names())):
            return seed, min(new)
    return None


# How histories are biased


def with_tight_gates(seed: int) -> History:
    """Many drops disable somebody, and gates are tight."""
    history = draw(seed)
    return replace(history, setup=replace(history.setup, gates="tight"))


def with_few_calls(seed: int) -> History:
    """A day's calls are soon made."""
    history = draw(seed)
    return replace(history, setup=replace(history.setup, daily_calls=12))


def with_resends(seed: int) -> History:
    """An operator sends people of the run before the last one again."""
    history = draw(seed)
    keys = tuple(f"e{number:02d}" for number in range(1, 11))
    again = (Resend(1, keys), Step("sweep"), Step("send"))
    actions = [each for action in history.actions for each in ((action, *again) if _is_send(action) else (action,))]
    return replace(history, actions=tuple(actions))


def with_protected_leavers(seed: int) -> History:
    """Two people are protected, and files say that they left."""
    history = draw(seed)
    left = (Edit("e03", "status", "Left"), Edit("e04", "status", "Left"))
    actions: list[Action] = [
        replace(action, edits=(*action.edits, *left))
        if isinstance(action, Drop) and action.source == "full"
        else action
        for action in history.actions[2:]
    ]
    return replace(history, actions=(*history.actions[:2], Protect("full", ("e03", "e04")), *actions))


def with_edited_files(seed: int) -> History:
    """Somebody edits what is to be sent before each tick of the sender."""
    return _before_each_send(draw(seed), (Tamper(),))


def with_late_protection(seed: int) -> History:
    """People leave, and are protected when that is planned."""
    left = (Edit("e03", "status", "Left"), Edit("e04", "status", "Left"))
    return _before_each_send(draw(seed), (Protect("full"), Drop("full", edits=left), Protect("full", ("e03", "e04"))))


def with_moves(seed: int) -> History:
    """A source is moved to the other app after a first call."""
    changed = Drop("full", edits=tuple(Edit(f"e{number:02d}", "title", "Boss") for number in range(1, 11)))
    pause = Fault(status=503, retry_after=30.0, times=4, skip=1)
    return _before_each_send(draw(seed), (changed, pause, Step("send"), MoveEndpoint("full"), Wait(1800)))


def _before_each_send(history: History, before: tuple[Action, ...]) -> History:
    actions = [each for action in history.actions for each in ((*before, action) if _is_send(action) else (action,))]
    return replace(history, actions=tuple(actions))


def with_suspensions(seed: int) -> History:
    """A sender stands still for longer than its lease while the other instance sends a newer drop."""
    history = draw(seed)
    corrected = Drop("full", "corrected", (Edit("e05", "title", "Pilot"),))
    still = Meanwhile(Spot("http", 1 + seed % 3, after=True), (corrected, Step("send", 1)), 90)
    actions = [replace(each, instance=0, trouble=still) if _is_send(each) else each for each in history.actions]
    return replace(history, actions=tuple(actions))


def with_lost_answers(seed: int) -> History:
    """Entra takes calls whose answers are lost, and a corrected drop follows."""
    history = draw(seed)
    lost = Fault(kind=("cut-after", "timeout-after")[seed % 2], times=4)
    actions: list[Action] = [*history.actions[:3], Cycle()]
    for action in history.actions[3:]:
        actions += (lost, action, Drop("full", "corrected")) if _is_send(action) else (action,)
    return replace(history, actions=tuple(actions))


def with_backlog(seed: int) -> History:
    """Entra works through two operations a cycle."""
    history = draw(seed)
    return replace(history, actions=(*history.actions[:4], Turn("cycle_limit", 2), *history.actions[4:]))


def with_unknown_words(seed: int) -> History:
    """Disables are staged, and the log says so, and other things, in words that clients do not know."""
    history = draw(seed)
    words = (
        Threshold(1),
        Turn("staged_action", "StagedAction"),
        Turn("staged_status", "success"),
        Turn("unknown_action", "reconcile"),
        Turn("unknown_action_share", 0.3),
    )
    leave = tuple(Edit(key, "status", "Left") for key in ("e03", "e05", "e07"))
    answers = (Step("send"), Cycle(), Wait(300), Step("collect"), Wait(300), Step("collect"))
    first = (*history.actions[:4], Cycle(), *words, Drop("full", edits=leave), *answers)
    return replace(history, actions=(*first, *history.actions[4:]))


def with_stops(seed: int) -> History:
    """Sending is stopped while a process stands still before its receipt, and resumed later."""
    history = draw(seed)
    stop = Meanwhile(Spot("chunks_table", 2 + seed % 3), (StopSending(("", "full")[seed % 2]),))
    actions: list[Action] = []
    for action in history.actions:
        more = (replace(action, trouble=stop), Resume(), Resume("full")) if _is_send(action) else (action,)
        actions += more
    return replace(history, actions=tuple(actions))


def with_reverts(seed: int) -> History:
    """The run before the last one is reverted after each sending, and the revert is approved."""
    history = draw(seed)
    revert = (Revert(1, ("", "disable")[seed % 2]), Step("sweep"), Approve(), Step("send"))
    actions = [each for action in history.actions for each in ((action, *revert) if _is_send(action) else (action,))]
    return replace(history, actions=tuple(actions))


def one_after_the_other(seed: int) -> History:
    """Hours pass before each drop, so every answer is plain."""
    history = draw(seed)
    actions = [
        each
        for action in history.actions
        for each in ((Wait(14_400), action) if isinstance(action, Drop) else (action,))
    ]
    return replace(history, actions=tuple(actions))


def _is_send(action: Action) -> TypeGuard[Step]:
    return isinstance(action, Step) and action.what == "send"


# The faults


def _verdict(changed: Callable[[str], str]) -> AbstractContextManager[object]:
    """What the log says is read otherwise."""
    plain = outcomes.verdict_of
    return patch("shared.collecting.outcomes.verdict_of", lambda entry: changed(plain(entry)))


def failures_are_not_read() -> AbstractContextManager[object]:
    """A failure in the log says nothing."""
    return _verdict(lambda found: "" if found == "failed" else found)


def failures_are_successes() -> AbstractContextManager[object]:
    """A failure in the log reads as an update."""
    return _verdict(lambda found: "updated" if found == "failed" else found)


def receipts_get_lost() -> AbstractContextManager[object]:
    """The receipt of every first chunk is not written."""
    plain = TableLedger.record

    def record(ledger: TableLedger, run_id: str, receipt: Any) -> Any:
        return receipt if receipt.chunk == 1 else plain(ledger, run_id, receipt)

    return patch.object(TableLedger, "record", record)


def gates_let_everything_pass() -> AbstractContextManager[object]:
    """No gate trips."""
    return patch("shared.planning.second_pass.judge", lambda *facts: ())


def absent_people_stay_enabled() -> AbstractContextManager[object]:
    """Who is in the file no more is sent as active."""
    plain = compare.absent_user
    return patch("shared.planning.second_pass.absent_user", lambda *parts: plain(*parts) | {"active": True})


@contextmanager
def protected_people_are_disabled() -> Iterator[None]:
    """Nobody is protected."""
    with (
        patch("shared.planning.second_pass.is_protected", lambda *parts: False),
        patch("shared.planning.first_pass.is_protected", lambda *parts: False),
    ):
        yield


@contextmanager
def resends_overtake() -> Iterator[None]:
    """A person who is sent again is sent as they were then, whatever was sent since."""
    with (
        patch("shared.planning.plan_resend._newest", lambda *parts: ("", b"")),
        patch("shared.planning.plan_resend._is_the_latest", lambda *parts: True),
    ):
        yield


def edited_files_are_sent() -> AbstractContextManager[object]:
    """What stands in requests.ndjson is sent, whatever was planned."""
    return patch("shared.run_folder.folder._is_planned", lambda chunk, line: True)


@contextmanager
def the_source_file_is_looked_at_by_planning_alone() -> Iterator[None]:
    """Who is protected after a plan was made is disabled by it."""
    with (
        patch("shared.planning.todays_source.changed_parts", lambda *parts: ()),
        patch("shared.sending.flight.newly_protected", lambda *parts: None),
    ):
        yield


def endpoints_are_followed() -> AbstractContextManager[object]:
    """A run under way goes on at another endpoint."""
    return patch("shared.planning.todays_source._address", lambda url: "")


def the_quota_is_not_kept() -> AbstractContextManager[object]:
    """Every call is permitted."""
    return patch.object(Quota, "take", lambda quota, lane: True)


def changes_are_overlooked() -> AbstractContextManager[object]:
    """Who changes only in their title counts as unchanged."""
    plain = compare.compare

    def other(people: Any, key: str, user: Any) -> Any:
        change = plain(people, key, user)
        is_title = change.attributes == ("title",) and change.action is changes.Action.CHANGED
        return replace(change, action=changes.Action.UNCHANGED, attributes=()) if is_title else change

    return patch("shared.planning.first_pass.compare", other)


def doubts_are_forgotten() -> AbstractContextManager[object]:
    """Who may have been taken when the run ended counts as not sent."""
    return patch.object(People, "possibly_sent", lambda *parts, **options: None)


def answers_go_by_key_and_time() -> AbstractContextManager[object]:
    """An entry answers the last run that sent its person, whatever it says."""

    def owner(entry: Any, versions: Any) -> Any:
        return next((version for version in reversed(versions) if version.since <= entry.at), None)

    return patch("shared.collecting.matching._owner", owner)


@contextmanager
def unknown_words_have_a_verdict() -> Iterator[None]:
    """An action that nobody knows is an update, and so is a change that Entra holds back."""
    with (
        patch("shared.collecting.outcomes.is_known", lambda entry: True),
        patch("shared.collecting.outcomes._HELD", frozenset()),
    ):
        yield


def calls_leave_after_a_stop() -> AbstractContextManager[object]:
    """A stop counts only for runs that are not begun."""
    return patch("shared.sending.flight.holding", lambda found, source: None)


def reverts_overtake() -> AbstractContextManager[object]:
    """A revert sends the oldest record that is kept, whoever changed the person since."""

    def before(reversal: Any, person: Any) -> Any:
        records = reversal._people.records(person.key)
        return (_Judged(What.REVERTED, *reversed(records[-1]))) if records else _Judged(What.NO_RECORD)

    return patch.object(Reversal, "_before", before)


def newer_state_is_not_refused() -> AbstractContextManager[object]:
    """A release works on the state of a newer one."""
    return patch("shared.model.formats.check_format", lambda what, version, release="": None)


MUTATIONS = (
    Mutation(
        "doubts are forgotten (F1)",
        doubts_are_forgotten,
        frozenset({"I1 lost", "I1 absent", "I3 unchanged"}),
        with_lost_answers,
    ),
    Mutation("answers go by key and time (F2)", answers_go_by_key_and_time, frozenset({"I3 untrue"}), with_backlog),
    Mutation(
        "unknown words have a verdict (F3)", unknown_words_have_a_verdict, frozenset({"I3 untrue"}), with_unknown_words
    ),
    Mutation(
        "failures are not read",
        failures_are_not_read,
        frozenset({"I3 unknown", "I3 untrue"}),
        one_after_the_other,
    ),
    Mutation("failures are successes", failures_are_successes, frozenset({"I1 failed untold", "I3 untrue"})),
    Mutation(
        "receipts get lost",
        receipts_get_lost,
        frozenset({"I3 unknown", "I1 lost", "I1 absent", "I3 ended"}),
        one_after_the_other,
    ),
    Mutation("gates let everything pass", gates_let_everything_pass, frozenset({"I4 gate"}), with_tight_gates),
    Mutation("absent people stay enabled", absent_people_stay_enabled, frozenset({"I4 not planned", "I1 absent"})),
    Mutation(
        "protected people are disabled",
        protected_people_are_disabled,
        frozenset({"I4 protected"}),
        with_protected_leavers,
    ),
    Mutation("resends overtake", resends_overtake, frozenset({"I2 older", "I1 lost"}), with_resends, 220),
    Mutation("edited files are sent", edited_files_are_sent, frozenset({"I4 not planned"}), with_edited_files),
    Mutation(
        "the source file is looked at by planning alone",
        the_source_file_is_looked_at_by_planning_alone,
        frozenset({"I4 protected"}),
        with_late_protection,
    ),
    Mutation("endpoints are followed", endpoints_are_followed, frozenset({"I4 endpoint"}), with_moves),
    Mutation("calls leave after a stop", calls_leave_after_a_stop, frozenset({"I4 stopped"}), with_stops),
    Mutation("reverts overtake", reverts_overtake, frozenset({"I4 reverted"}), with_reverts),
    Mutation("the quota is not kept", the_quota_is_not_kept, frozenset({"I5 quota"}), with_few_calls),
    Mutation("newer state is not refused", newer_state_is_not_refused, frozenset({"I6 raised"})),
    Mutation("changes are overlooked", changes_are_overlooked, frozenset({"I3 unchanged", "I1 lost"})),
)
