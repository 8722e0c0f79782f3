"""Each rule at its edges: what is told, what is not yet, and what is no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.alerting.findings import Severity
from shared.alerting.rules import NAMES
from shared.collecting.checkpoint import Gap, LogFault, Unrecognised
from shared.model.errors import Damage
from shared.model.job import Quarantine, SynchronizationJob
from shared.model.runs import Figures, RunState
from shared.sending.stops import SendingStop
from shared.status.reads import RunStatus, Unread
from tests.unit.alerting.world import NOW, ago, found, planned, rules, run, watched

S = RunState


def test_nothing_is_said_where_all_is_well() -> None:
    assert rules(watched(run())) == []
    assert rules(watched()) == []
    assert rules() == []


@pytest.mark.parametrize(
    ("state", "rule", "severity"),
    [
        (S.HELD, "run-held", Severity.WARNING),
        (S.BLOCKED, "run-blocked", Severity.CRITICAL),
        (S.REJECTED, "run-rejected", Severity.CRITICAL),
    ],
)
def test_a_run_that_stopped_is_told_with_its_reasons(state: RunState, rule: str, severity: Severity) -> None:
    stopped = run(state, figures=Figures(), reasons=("5% are disabled", "a column is empty"))
    (finding,) = found(watched(stopped))
    assert (finding.rule, finding.severity, finding.run_id, finding.source) == (
        rule,
        severity,
        stopped.run_id,
        "employees",
    )
    assert finding.text == "5% are disabled; a column is empty"
    assert finding.key == f"{rule}|employees|{stopped.run_id}"
    assert finding.remedy


@pytest.mark.parametrize("state", sorted(set(S) - {S.HELD, S.BLOCKED, S.REJECTED}))
def test_a_run_in_another_state_did_not_stop(state: RunState) -> None:
    assert rules(watched(run(state))) == []


def test_a_run_held_long_ago_is_told_as_long_as_it_is_held() -> None:
    assert rules(watched(run(S.HELD, changed_at=ago(days=60)), run(S.RECEIVED, "newer.csv"))) == ["run-held"]


def test_a_rejected_drop_is_over_when_a_newer_one_comes_or_after_a_week() -> None:
    rejected = run(S.REJECTED)
    assert rules(watched(rejected, run(S.PLANNED, "newer.csv"))) == []
    assert rules(watched(replace(rejected, changed_at=ago(days=6.9)))) == ["run-rejected"]
    assert rules(watched(replace(rejected, changed_at=ago(days=7)))) == []


def answered(**figures: int) -> Figures:
    return Figures(records=1_000, people=1_000, sent=1_000, **figures)


@pytest.mark.parametrize(
    ("limit", "failed", "told"),
    [("1%", 10, False), ("1%", 11, True), (5, 5, False), (5, 6, True), (0, 1, True), (0, 0, False), (None, 999, False)],
)
def test_failures_are_told_above_the_limit(limit: Any, failed: int, told: bool) -> None:
    settled = run(figures=answered(failed=failed, updated=1_000 - failed))
    assert rules(watched(settled, limits={"failed": limit})) == ["failures"] * told


def test_failures_name_their_most_frequent_causes() -> None:
    causes = (("EntryConflict", 9), ("Timeout", 6), ("", 4), ("InvalidDomain", 1))
    (finding,) = found(watched(run(figures=answered(failed=20, updated=980), causes=causes)))
    assert finding.text == "20 of 1000 people failed: EntryConflict (9), Timeout (6), no code (4)"


@pytest.mark.parametrize("state", [S.SENDING, S.BLOCKED, S.SENT])
def test_failures_are_told_while_others_are_awaited(state: RunState) -> None:
    assert "failures" in rules(watched(run(state, figures=answered(failed=50, updated=10))))


def test_only_the_last_run_that_was_answered_counts_and_for_a_week() -> None:
    bad, good = run(figures=answered(failed=500, updated=500)), run(name="next.csv")
    assert rules(watched(bad, good)) == []
    assert rules(watched(good, bad)) == ["failures"]
    assert rules(watched(bad, run(S.SETTLED, "empty.csv", Figures(records=10, people=10, unchanged=10)))) == [
        "failures"
    ]
    assert rules(watched(replace(bad, changed_at=ago(days=7)))) == []


def test_that_everybody_was_skipped_is_told_but_not_that_some_were() -> None:
    assert rules(watched(run(figures=answered(skipped=1_000)))) == ["all-skipped"]
    assert rules(watched(run(figures=answered(skipped=999, updated=1)))) == []
    assert rules(watched(run(figures=Figures(records=10, people=10, unchanged=10)))) == []


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (
            SynchronizationJob("Active", "Quarantine", Quarantine("EncounteredEscrowProportionThreshold")),
            "quarantine (EncounteredEscrow",
        ),
        (SynchronizationJob("Active", "Quarantine", Quarantine()), "quarantine (no reason given)"),
        (SynchronizationJob("Paused", "Paused"), "The job is paused"),
        (SynchronizationJob("Disabled", "NotRun"), "The job is disabled"),
        (SynchronizationJob("Active", "Active"), "provisioning agent is up"),
        (None, "could not be read"),
    ],
)
def test_people_without_an_answer_are_told_with_the_usual_reason(job: SynchronizationJob | None, reason: str) -> None:
    silent = found(watched(run(figures=answered(unknown=3, updated=997)), job=job))[0]
    assert silent.rule == "unknown"
    assert silent.text.startswith("3 people have no answer in Entra's log. ")
    assert reason in silent.text


@pytest.mark.parametrize(("rejected", "told"), [(10, False), (11, True)])
def test_rejected_records_are_told_above_the_limit(rejected: int, told: bool) -> None:
    planned = run(S.PLANNED, figures=Figures(records=1_000, people=900, sent=900, rejected=rejected))
    assert rules(watched(planned)) == ["rejected-records"] * told


def spike(state: RunState = S.PLANNED, disables: int = 51, known: int = 1_000, **fields: Any) -> RunStatus:
    return planned(run(state, **fields), disables=disables, known=known)


@pytest.mark.parametrize(
    ("disables", "known", "told"), [(50, 1_000, 0), (51, 1_000, 1), (5, 10, 0), (6, 10, 1), (9, 0, 0)]
)
def test_a_spike_of_disables_is_told_above_the_limit(disables: int, known: int, told: bool) -> None:
    assert rules(watched(spike(disables=disables, known=known))) == ["disable-spike"] * told


@pytest.mark.parametrize("state", [S.HELD, S.CANCELLED, S.SUPERSEDED])
def test_a_spike_that_does_not_happen_is_not_told(state: RunState) -> None:
    assert "disable-spike" not in rules(watched(spike(state)))


def test_a_spike_that_was_approved_is_told_all_the_same() -> None:
    assert rules(watched(spike(S.SENDING))) == ["disable-spike"]


def test_sending_again_is_no_drop_of_its_own() -> None:
    assert rules(watched(spike(S.SETTLED), run(S.SETTLED, "again", resend=True, again_of="x"))) == ["disable-spike"]


@pytest.mark.parametrize(("unresolved", "told"), [(25, False), (26, True)])
def test_unresolved_managers_are_told_above_the_limit(unresolved: int, told: bool) -> None:
    assert rules(watched(planned(run(), unresolved_managers=unresolved))) == ["managers"] * told


LATE = {"finish_by": "13:00"}  # an hour from now


def test_a_run_that_will_not_be_done_in_time_is_told() -> None:
    assert rules(watched(planned(run(S.PLANNED), calls_needed=1_900), limits=LATE)) == []
    (finding,) = found(watched(planned(run(S.PLANNED), calls_needed=2_001), limits=LATE))
    assert finding.rule == "late"
    assert "it was wanted by 2026-11-02 13:00 UTC" in finding.text


def test_a_run_that_waits_beyond_its_time_is_told_and_one_that_was_sent_is_not() -> None:
    waiting = run(S.SENDING, not_before=NOW.replace(hour=13, minute=1))
    assert rules(watched(planned(waiting, calls_needed=1), limits=LATE)) == ["late"]
    assert rules(watched(planned(replace(waiting, state=S.SENT), calls_needed=0), limits=LATE)) == []


def test_the_time_of_day_is_that_of_the_zone_also_the_next_day() -> None:
    berlin = {"finish_by": "12:30", "zone": "Europe/Berlin"}  # 11:30 UTC; the drop came at 11:00
    waits = run(S.SENDING, not_before=NOW)
    assert rules(watched(planned(waits, calls_needed=1), limits=berlin)) == ["late"]
    morning = {"finish_by": "10:30"}  # was over when the drop came: tomorrow's is meant
    assert rules(watched(planned(waits, calls_needed=1), limits=morning)) == []


@pytest.mark.parametrize(("hours", "told"), [(30, False), (30.1, True)])
def test_silence_of_a_feed_is_told(hours: float, told: bool) -> None:
    old = run(received_at=ago(hours=hours))
    assert rules(watched(old)) == ["silence"] * told
    assert rules(watched(old, limits={"silence_hours": None})) == []


def test_a_plan_made_again_breaks_no_silence() -> None:
    assert rules(watched(run(received_at=ago(hours=31)), run(name="again", again_of="x"))) == ["silence"]


def sent(hours: float, **figures: int) -> Any:
    return run(S.SENT, sent_at=ago(hours=hours), figures=Figures(people=120, sent=100, **figures))


@pytest.mark.parametrize(
    ("hours", "figures", "told"),
    [
        (2, {"unchanged": 20}, False),
        (2.1, {"unchanged": 20}, True),
        (2.1, {"unchanged": 0}, True),
        (2.1, {"unchanged": 21}, False),
        (2.1, {"unchanged": 20, "created": 1}, False),
        (2.1, {"unchanged": 20, "failed": 3, "refused": 3}, True),
        (2.1, {"unchanged": 20, "failed": 4, "refused": 3}, False),
    ],
)
def test_silence_of_the_log_is_told(hours: float, figures: dict[str, int], told: bool) -> None:
    assert ("log-silence" in rules(watched(sent(hours, **figures)))) == told


@pytest.mark.parametrize(("minutes", "told"), [(60, False), (61, True)])
def test_a_checkpoint_that_stands_still_is_told(minutes: float, told: bool) -> None:
    assert rules(watched(run(), checkpoint=ago(minutes=minutes))) == ["checkpoint"] * told
    assert rules(watched(run(), checkpoint=ago(minutes=minutes), limits={"checkpoint_minutes": None})) == []


def test_a_log_that_was_never_read_is_told_once_something_was_sent() -> None:
    assert rules(watched(run(S.PLANNED, sending_at=None), checkpoint=None)) == []
    assert rules(watched(run(S.SENDING, sending_at=ago(minutes=59)), checkpoint=None)) == []
    assert rules(watched(run(S.SENDING, sending_at=ago(minutes=61)), checkpoint=None)) == ["checkpoint"]


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (SynchronizationJob("Active", "Active"), []),
        (SynchronizationJob("Active", "NotRun"), []),
        (SynchronizationJob("", ""), []),
        (None, []),
        (SynchronizationJob("Paused", "Paused"), ["paused"]),
        (SynchronizationJob("Disabled", "NotConfigured"), ["paused"]),
        (SynchronizationJob("Active", "Quarantine", Quarantine()), ["quarantine"]),
        (SynchronizationJob("Paused", "Paused", Quarantine("TooManyDeletes")), ["quarantine"]),
    ],
)
def test_a_job_that_does_not_run_is_told(job: SynchronizationJob | None, told: list[str]) -> None:
    assert rules(watched(run(), job=job)) == told


@pytest.mark.parametrize(("used", "told"), [(1_799, False), (1_800, True), (2_500, True)])
def test_a_quota_nearly_spent_is_told_once_for_the_tenant(used: int, told: bool) -> None:
    assert rules(watched(run()), watched(run(), source="others"), used=used) == ["quota"] * told


def test_a_quota_that_others_use_up_is_told() -> None:
    (finding,) = found(watched(run()), used=300, believed=300)
    assert "other clients of the tenant use it, too" in finding.text


def test_the_strictest_source_decides_when_the_quota_is_told() -> None:
    strict = watched(run(), source="strict", limits={"quota_percent": 50})
    assert rules(watched(run()), strict, used=1_000) == ["quota"]


SHAPE = Unrecognised("job", "action=Reconcile status=success steps=none", 4, ago(hours=2), ago(hours=1))


def test_people_without_an_answer_twice_and_deleted_accounts_are_critical() -> None:
    seen = found(watched(run(figures=answered(unanswered=3, deleted=1))))
    assert {(each.rule, each.severity) for each in seen} >= {
        ("no-answer-twice", Severity.CRITICAL),
        ("deleted", Severity.CRITICAL),
    }


def test_changes_that_entra_holds_back_are_told_until_they_are_released() -> None:
    held = run(figures=answered(held_by_entra=2))
    assert "held-by-entra" in rules(watched(held))
    assert "held-by-entra" not in rules(watched(replace(held, released_at=ago(minutes=5))))


def test_what_is_not_recognised_names_its_shape_and_is_forgotten_when_it_stops() -> None:
    (seen,) = [each for each in found(watched(sent(1), unrecognised=(SHAPE,))) if each.rule == "unrecognised"]
    assert SHAPE.shape in seen.text
    assert "unrecognised" not in rules(watched(unrecognised=(replace(SHAPE, last_at=ago(days=30)),)))


DAMAGE = Damage("table runstore, row x", "run x", "its state is not known", "do this", "employees", "x")


def test_what_is_damaged_is_named_with_its_place_and_what_to_do() -> None:
    (seen,) = found(damages=(DAMAGE,))
    assert (seen.rule, seen.severity, seen.source, seen.run_id) == ("damaged", Severity.CRITICAL, "employees", "x")
    assert DAMAGE.place in seen.text
    assert seen.remedy == DAMAGE.remedy


def test_each_source_file_that_does_not_read_is_one_alert() -> None:
    seen = found(source_faults=("a.yaml:1: no", "a.yaml:7: no", "b.yaml:1: no"))
    assert {each.key for each in seen} == {"source-file|a.yaml", "source-file|b.yaml"}
    assert all("a.yaml:7" in each.text for each in seen if each.key.endswith("a.yaml"))


@pytest.mark.parametrize(("minutes", "is_named"), [(9, False), (10, True)])
def test_a_job_that_cannot_be_read_is_named_when_it_lasts(minutes: int, is_named: bool) -> None:
    unread = Unread(ago(minutes=minutes), "no answer")
    assert ("job-unreadable" in rules(watched(job=None, job_unread=unread))) is is_named


@pytest.mark.parametrize(
    ("attempts", "began", "taken", "is_named"),
    [(3, 61, None, True), (3, 59, None, False), (3, 200, 30, False), (3, 200, 90, True), (0, 200, None, False)],
)
def test_a_run_of_which_entra_takes_nothing_is_named_after_an_hour(
    attempts: int, began: int, taken: int | None, is_named: bool
) -> None:
    sending = run(S.SENDING, sending_at=ago(minutes=began), attempts=attempts)
    seen = rules(watched(planned(sending, taken_at=ago(minutes=taken) if taken else None)))
    assert ("sending-fails" in seen) is is_named


GAP = Gap(ago(days=40), ago(days=29), ago(days=1))


def test_days_of_the_log_that_are_missing_are_told() -> None:
    (told,) = found(watched(run(), log_gaps=(GAP,)))
    assert (told.rule, told.severity) == ("log-gap", Severity.WARNING)
    assert f"{GAP.since:%Y-%m-%d %H:%M} to {GAP.until:%Y-%m-%d %H:%M}" in told.text


@pytest.mark.parametrize("status", [403, 400, 0])
def test_a_log_that_is_not_read_says_why_the_last_reading_failed(status: int) -> None:
    fault = LogFault("the log answered strangely", status, ago(minutes=5))
    (told,) = found(watched(run(), checkpoint=ago(hours=2), log_fault=fault))
    assert "the log answered strangely" in told.text
    assert ("ProvisioningLog.Read.All" in told.remedy) is (status == 403)
    assert rules(watched(run(), log_fault=fault)) == []


def test_every_rule_is_named_and_every_name_is_of_a_rule() -> None:
    everything = [
        watched(run(S.HELD), run(S.BLOCKED), run(S.REJECTED)),
        watched(
            spike(S.SETTLED, figures=answered(failed=500, unknown=500, rejected=500), received_at=ago(days=2)),
            checkpoint=ago(days=1),
            job=SynchronizationJob("Active", "Quarantine", Quarantine()),
        ),
        watched(run(figures=answered(skipped=1_000)), job=SynchronizationJob("Paused", "Paused")),
        watched(planned(run(S.SENDING), unresolved_managers=99, calls_needed=9_999), limits=LATE),
        watched(sent(5)),
        watched(run(figures=answered(unanswered=3, held_by_entra=2, deleted=1)), unrecognised=(SHAPE,)),
        watched(run(S.SENDING, attempts=9, sending_at=ago(hours=9)), job=None, job_unread=Unread(ago(hours=1), "no")),
        watched(run(), log_gaps=(GAP,)),
    ]
    stop = SendingStop("", "Anna", ago(days=1), "wrong file")
    more = {"source_faults": ("a.yaml:1: no",), "damages": (DAMAGE,), "stops": (stop,), "setting_faults": ("A: b",)}
    assert set(rules(*everything, used=2_000, **more)) == set(NAMES)


def test_a_stop_is_an_alert_with_who_why_and_the_command_that_lifts_it() -> None:
    stops = (SendingStop("", "Anna", ago(days=1), "wrong file"), SendingStop("employees", "Bo", ago(days=2), "audit"))
    for_all, for_one = found(stops=stops)
    assert (for_all.source, for_one.source) == ("", "employees")
    assert (for_all.severity, for_all.key == for_one.key) == (Severity.WARNING, False)
    assert "Anna" in for_all.text
    assert "wrong file" in for_all.text
    assert for_one.remedy.endswith("rollcall resume --source employees")


def test_the_keys_of_what_is_found_at_one_time_differ() -> None:
    other = watched(
        run(S.HELD, "c.csv"), run(S.BLOCKED, "d.csv"), source="others", job=SynchronizationJob("Paused", "")
    )
    keys = [finding.key for finding in found(watched(run(S.HELD), run(S.BLOCKED, "b.csv")), other, used=2_000)]
    assert len(keys) == len(set(keys)) == 6
