"""Named regressions: histories that once broke a promise, shrunk. Paste what `python -m tests.histories` prints."""

from __future__ import annotations

import pytest

from tests.histories.actions import (
    Approve,
    Cancel,
    Cycle,
    Drop,
    Edit,
    Fault,
    Freeze,
    History,
    Kill,
    LoseLease,
    Meanwhile,
    Resend,
    Revert,
    SetClock,
    Setup,
    Spot,
    Step,
    Tamper,
    Threshold,
    Turn,
    Wait,
)
from tests.histories.run import run
from tests.histories.world import product_in_small

NAMED: dict[str, History] = {
    # reverts
    "people who left are sent again, and that run is reverted": History(
        Setup(seed=6316),
        (
            Drop("full"),
            Step("send"),
            Drop("full", edits=(Edit("e07", "status", "Left"), Edit("e05", "vanish"))),
            Step("send"),
            Resend(0, ("e05", "e07")),
            Step("sweep"),
            Step("send"),
            Revert(0),
            Step("sweep"),
            Approve(),
            Step("send"),
        ),
    ),
    # what is in doubt
    "answers are lost, and a newer drop that says what was accepted before follows": History(
        Setup(seed=630),
        (
            Drop("full"),
            Step("send", 1),
            Fault(kind="timeout-after", times=12),
            Drop("full", "shrunk"),
            Drop("full", events=0, instance=1),
            Step("send"),
        ),
    ),
    "the answer for a new person is lost, and the newer file does not hold them": History(
        Setup(seed=7),
        (
            Drop("full"),
            Step("send"),
            Drop("full", edits=(Edit("e12", "manager"),)),
            Fault(status=503, retry_after=30.0, times=4),
            Fault(kind="cut-after", times=4),
            Step("send", 1),
            Drop("full", "shrunk"),
        ),
    ),
    "answers are lost, and the lease with them": History(
        Setup(seed=259),
        (
            Drop("full"),
            Step("send"),
            Fault(kind="cut-after", times=3),
            Drop("full", "shrunk", instance=1),
            Step("send", 1, LoseLease(Spot("state", 4))),
            Drop("full"),
        ),
    ),
    "a sender stands still before a call, and the other instance sends a newer drop": History(
        Setup(),
        (
            Drop("full"),
            Step("send"),
            Cycle(),
            Wait(300),
            Step("collect"),
            Wait(9000),
            Drop("full", edits=tuple(Edit(f"e{number:02d}", "title", "Boss") for number in range(1, 11))),
            Step(
                "send",
                trouble=Meanwhile(
                    Spot("http", 2),
                    (Drop("full", "corrected", edits=(Edit("e01", "title", "Pilot"),)), Step("send", 1)),
                    90,
                ),
            ),
        ),
    ),
    # clocks that were set
    "the log is read by a clock that is two hours ahead, and the answers come after that": History(
        Setup(seed=50679),
        (
            Drop("full", edits=(Edit("e11", "status", "Left"),), instance=1),
            Step("send", 1),
            SetClock(seconds=7200),
            Drop("full", "corrected"),
            Step("send", 1),
            Step("collect"),
        ),
    ),
    "the clock is set back between two drops of a person": History(
        Setup(seed=40),
        (
            Drop("full"),
            Step("send"),
            SetClock(seconds=-20),
            Drop("full", edits=(Edit("e03", "manager", "e11"),)),
            Step("send"),
        ),
    ),
    "a run is sent by a clock that is behind, and the only call of the next run gets no answer": History(
        Setup(seed=70785, releases_at_end=False),
        (
            Drop("full"),
            Step("send"),
            Cycle(),
            Wait(300),
            Step("collect"),
            SetClock(seconds=-3600),
            Drop("full", edits=(Edit("e02", "status", "Left"),)),
            Step("send"),
            Drop("full", "reverted", instance=1),
            Approve(),
            Step("send", trouble=Kill(Spot("http"))),
            Drop("full", instance=1),
        ),
    ),
    "a sender's clock is set back while it stands still, and the other instance sends a newer drop": History(
        Setup(concurrency=4),
        (
            Drop("full"),
            Step(
                "send",
                trouble=Meanwhile(
                    Spot("chunks_table", 3, after=True),
                    (SetClock(0, -3600), Drop("full", edits=(Edit("e01", "title", "Pilot"),)), Step("send", 1)),
                    90,
                ),
            ),
            SetClock(0, 0),
        ),
    ),
    # which answer is whose
    "two drops are sent before one cycle": History(
        Setup(seed=3),
        (Drop("full"), Step("send"), Drop("full", edits=(Edit("e04", "department", "Board"),), instance=1)),
    ),
    "the second drop fails, and the first was processed long before": History(
        Setup(seed=2010),
        (
            Drop("partial"),
            Step("send"),
            Cycle(2),
            Drop("partial", edits=(Edit("c01", "upn", "c01@unverified.example"),)),
        ),
    ),
    "somebody leaves and returns before a cycle": History(
        Setup(seed=2007),
        (
            Drop("full"),
            Step("send"),
            Cycle(),
            Drop("full", edits=(Edit("e02", "status", "Left"),)),
            Step("send"),
            Drop("full", "corrected"),
        ),
    ),
    "a call in doubt waits for a second answer, and takes the one of the next run": History(
        Setup(seed=523),
        (
            Drop("full"),
            Drop("partial"),
            Step("send"),
            Cycle(),
            Wait(1800),
            Drop("full", edits=(Edit("e07", "department", "Board"),)),
            Fault(kind="cut-before"),
            Threshold(2),
            Step("send"),
            Cycle(),
            Drop("full", "shrunk"),
            Step("send"),
            Cycle(),
        ),
    ),
    "a record that never arrived counts as sent before the run before it": History(
        Setup(seed=246),
        (
            Drop("full"),
            Drop("full", edits=(Edit("e09", "title", "Chief"),)),
            Drop("full", "reverted", back=2, events=0),
            Step("send"),
            Fault(kind="cut-before", times=7),
            Fault(times=4),
            Step("sweep"),
            Step("send", 1),
            Drop("full", bad=("e08", "e09")),
        ),
    ),
    "the log is read before the sender has closed a cancelled run": History(
        Setup(seed=5123),
        (
            Drop("partial"),
            Step("send"),
            Drop("partial", edits=(Edit("c01", "title", "Cook"),)),
            Step("send"),
            Drop("partial", edits=(Edit("c01", "status", "Left"),), instance=1),
            Step("send", trouble=Kill(Spot("runs", 4))),
            Cancel(),
            Cycle(2),
            Wait(130),
            Step("collect", 1),
        ),
    ),
    "the log is read before the sender has closed a superseded run": History(
        Setup(seed=5360),
        (
            Drop("full"),
            Step("send"),
            Drop("full", "shrunk", edits=(Edit("e03", "upn", "e04@contoso.com"),), instance=1),
            Step("send", trouble=Kill(Spot("chunks_table", 7))),
            Drop("full"),
            Cycle(2),
            Wait(300),
            Step("collect"),
            Cycle(),
        ),
    ),
    "the sender is away while the log tells of a cancelled run": History(
        Setup(seed=3625),
        (
            Drop("partial"),
            Step("send"),
            Drop("partial", edits=(Edit("c08", "status", "Left"), Edit("c06", "title", "Guard")), instance=1),
            Step("send", trouble=Kill(Spot("runs", 6))),
            Cancel(),
            Cycle(2),
            Wait(9000),
            Step("collect"),
        ),
    ),
    "the same is sent again, and a reading that is read once more begins before that": History(
        Setup(seed=2760),
        (
            Drop("partial"),
            Step("send"),
            Fault(kind="bucket-full", times=4),
            Resend(keys=("c01",)),
            Drop("partial", instance=1),
            Step("send"),
            Cycle(),
            Wait(300),
            Step("collect"),
            Tamper("plan.json", 1, 261),
            Step("collect", 1, Kill(Spot("runs_table", 5))),
            Wait(300),
            Step("collect"),
        ),
    ),
    # orders and turns
    "Entra processes two records of a person in another order": History(
        Setup(seed=2050),
        (
            Turn("cycle_order", "shuffled"),
            Drop("full", instance=1),
            Step("send"),
            Drop("full", edits=(Edit("e05", "title", "Guard"),)),
            Step("send", 1),
            Cycle(),
        ),
    ),
    "a planner stands still for longer than its claim, and plans over what the other instance has sent": History(
        Setup(seed=20317),
        (
            Drop("partial"),
            Step("send"),
            Drop(
                "partial",
                edits=(Edit("c06", "manager", "c07"),),
                instance=1,
                trouble=Meanwhile(Spot("any", 16, after=True), (Drop("partial"), Step("send")), 90),
            ),
        ),
    ),
    "a person is in doubt, and was processed long before": History(
        Setup(seed=20566),
        (
            Drop("full"),
            Step("send"),
            Cycle(2),
            Fault(kind="timeout", times=10),
            Drop("full", edits=(Edit("e03", "status", "Left"),)),
            Step("send", 1),
            Drop("full", instance=1),
            Step("collect", 1),
        ),
    ),
    "the log answers for two records whose time was over, after a third was sent": History(
        Setup(seed=1072),
        (
            Drop("partial", edits=(Edit("c08", "status", "Left"),)),
            Step("send"),
            Drop("partial", edits=(Edit("c08", "status", "Active"),)),
            Step("send"),
            Wait(90_000),
        ),
    ),
    "entries are read once more after a run between two others was settled": History(
        Setup(seed=5905),
        (
            Drop(source="full"),
            Drop(source="partial"),
            Step(what="send"),
            Drop(source="partial", edits=(Edit(key="c02", what="status", value="Left"),), instance=1),
            Drop(source="partial", kind="corrected"),
            Step(what="send"),
            Drop(source="partial", kind="reuploaded", instance=1),
            Step(what="send"),
            Cycle(count=2),
            Wait(seconds=130),
            Step(what="collect", instance=1),
            Step(
                what="collect", instance=1, trouble=Freeze(spot=Spot(on="outcomes_table", at=7, after=True), calls=60)
            ),
        ),
    ),
    "nothing is to be done for a leaver, while an older record has no answer": History(
        Setup(seed=872),
        (
            Drop(source="partial"),
            Step(what="send"),
            Turn(dial="log_delay", value=5400.0),
            Drop(source="partial", edits=(Edit(key="c01", what="status", value="Left"),)),
            Step(what="send", instance=1),
            Cycle(),
            Wait(seconds=1800),
            Wait(seconds=1800),
            Drop(source="full"),
            Step(what="send"),
            Cycle(count=2),
        ),
    ),
    "a failed record is tried again, while calls of older ones may not have arrived": History(
        Setup(seed=3422),
        (
            Drop(source="full"),
            Step(what="send"),
            Drop(source="partial"),
            Threshold(value=4),
            Step(
                what="send",
                instance=1,
                trouble=Meanwhile(
                    spot=Spot(on="runs", at=3),
                    actions=(
                        Drop(source="full", edits=(Edit(key="e09", what="upn", value="e09@unverified.example"),)),
                        Step(what="send", instance=1),
                    ),
                    pause=4000,
                ),
            ),
            Fault(kind="cut-before", times=2),
            Step(
                what="send",
                instance=1,
                trouble=Meanwhile(
                    spot=Spot(on="runs_table", after=True), actions=(Drop(source="full", kind="shrunk"),), pause=90
                ),
            ),
            Drop(source="full", edits=(Edit(key="e04", what="title", value="Chief"),)),
            Step(what="send", instance=1),
            Cycle(count=2),
        ),
    ),
    "a record in doubt failed, and the log is read once more after the next record": History(
        Setup(seed=6299),
        (
            Drop(source="full"),
            Step(what="send"),
            Cycle(count=2),
            Drop(source="full", edits=(Edit(key="e03", what="upn", value="e02@contoso.com"),)),
            Step(what="send", trouble=Kill(spot=Spot(on="http", after=True))),
            Wait(seconds=300),
            Drop(source="full", kind="corrected"),
            Step(what="send", instance=1),
            Cycle(),
            Wait(seconds=300),
            Step(what="collect"),
            Step(what="collect"),
            Fault(route="provisioningLog", status=503, times=6),
            Step(what="collect"),
        ),
    ),
    "calls of an older record were lost, and a newer one is sent twice": History(
        Setup(seed=7149),
        (
            Drop(source="full"),
            Drop(source="partial"),
            Step(what="send"),
            Fault(kind="timeout", times=2),
            Drop(source="partial", edits=(Edit(key="c04", what="department", value="Works"),)),
            Step(what="send", instance=1),
            Drop(source="partial", edits=(Edit(key="c04", what="manager"),)),
            Fault(skip=1),
            Drop(source="full", kind="shrunk"),
            Step(what="send"),
            Cycle(),
            Wait(seconds=300),
            Step(what="collect", trouble=Meanwhile(spot=Spot(at=21, after=True), pause=4000)),
            Drop(source="full", edits=(Edit(key="e01", what="title", value="Cook"),)),
            Step(what="send"),
            Drop(source="full", edits=(Edit(key="e09", what="status", value="Left"),), instance=1),
        ),
    ),
    "a failure is of the record that arrived, not of the one that a killed process may have sent": History(
        Setup(seed=7789, concurrency=4),
        (
            Drop(source="full"),
            Step(what="send", instance=1),
            Drop(
                source="full",
                edits=(
                    Edit(key="e03", what="upn", value="e03@unverified.example"),
                    Edit(key="e07", what="status", value="Left"),
                ),
            ),
            Cycle(),
            Drop(source="partial", trouble=Meanwhile(spot=Spot(on="runs", at=2, after=True), pause=4000)),
            Step(what="send", instance=1, trouble=Kill(spot=Spot(at=19))),
            Drop(source="partial"),
            Cancel(which=2),
        ),
    ),
    "a planner dies over a resend, and a full drop comes": History(
        Setup(seed=221),
        (
            Drop("full"),
            Step("send"),
            Resend(3, ("c07",)),
            Step("sweep", trouble=Kill(Spot("runs", 3))),
            Drop("full"),
        ),
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_history_that_once_broke_a_promise_keeps_it(name: str) -> None:
    with product_in_small():
        violations = run(NAMED[name]).violations
    assert not violations, "\n".join(f"{each.name}: {each.text}" for each in violations)
