"""The invariants. Each violation has a name, so that a history can be shrunk without becoming another failure.

I1 every account is what the model says: `lost`, `absent`, `failed untold`
I2 no older version of a person came after a newer one and stayed: `older`
I3 every row has one answer, and it is true: `row`, `ended`, `figures`, `unchanged`, `untrue`, `unknown`
I4 nothing is sent that was not planned and released: `not released`, `not planned`, `protected`, `disabled`, `gate`,
   `stopped`, `reverted`, `endpoint`
I5 the day's calls are not exceeded: `quota`
I6 nothing waits for ever, nothing raises: `waits`, `raised`

What is not compared is counted by its reason in `excluded`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.histories.facts import CANCELLED, SETTLED, SUPERSEDED, Arrival, Facts, OutcomeRow, PlannedRow, RunFacts
from tests.histories.hr import Content
from tests.histories.model import Expected, Model
from tests.histories.truth import SUCCESS, TROUBLES, Truth, differences

_NEAR_A_GAP = timedelta(minutes=5)
_NOBODY_ELSE = timedelta(hours=3)  # an answer is plain when nothing else of the person arrived so near
_PLAIN = frozenset({"create", "update", "unchanged"})
_ENDED = (SUPERSEDED, CANCELLED)


@dataclass(frozen=True)
class Violation:
    """A broken promise."""

    name: str
    text: str


@dataclass
class Check:
    """All invariants over the facts of one history."""

    facts: Facts

    def __post_init__(self) -> None:
        self.truth = Truth(self.facts)
        self.model = Model(self.facts)
        self.excluded: Counter[str] = Counter()

    def violations(self) -> list[Violation]:
        """Every broken promise, the plainest first."""
        parts = (
            self._raised(), self._waits(), self._quota(), self._released(), self._endpoints(), self._gates(),
            self._stopped(), self._reverted(), self._rows(), self._answers(), self._older(), self._accounts(),
            self._absent(),
        )  # fmt: skip
        return [each for part in parts for each in part]

    # I6, I5

    def _raised(self) -> Iterator[Violation]:
        yield from (Violation("I6 raised", text) for text in self.facts.errors)

    def _waits(self) -> Iterator[Violation]:
        yield from (Violation("I6 waits", text) for text in self.facts.restless)

    def _quota(self) -> Iterator[Violation]:
        if self.facts.over_quota:
            yield Violation("I5 quota", f"{self.facts.over_quota} calls over the day's quota")

    # I4

    def _released(self) -> Iterator[Violation]:
        for arrival in self.facts.arrivals:
            run = self.model.by_digest.get(arrival.digest)
            if run is None or not run.is_planned:
                yield Violation("I4 not planned", f"{arrival.key} arrived of no planned run ({arrival.digest})")
            elif run.gates and not run.is_approved:
                yield Violation("I4 not released", f"{arrival.key} arrived of {run.run_id}, which is held")
            elif not arrival.content.active and self._is_protected(run, arrival):
                yield Violation("I4 protected", f"{arrival.key} of {run.run_id} is protected, and is disabled")
            elif fault := self._unplanned(run, arrival):
                yield Violation("I4 not planned", f"{arrival.key} of {run.run_id}: {fault}")
        for key, arrivals in self.truth.arrived():
            asked = [each.order for each in arrivals if not each.content.active]
            for order in self.truth.disabled_at(key):
                if not any(each < order for each in asked):
                    yield Violation("I4 disabled", f"{key} was disabled, and nobody asked for it")

    def _endpoints(self) -> Iterator[Violation]:
        jobs = {(each.digest, each.job) for each in self.facts.arrivals}
        for digest, count in Counter(digest for digest, _ in jobs).items():
            if count > 1:
                yield Violation("I4 endpoint", f"the run {digest} was sent to {count} endpoints")

    def _is_protected(self, run: RunFacts, arrival: Arrival) -> bool:
        """Whether somebody was protected when that was sent, and enabled by what was sent before. Who was protected,
        and disabled already, when it was planned may be changed in other ways.
        """
        key, order = arrival.key, arrival.order
        now = [keys for at, source, keys in self.facts.protections if source == run.source and at < order]
        if not now or key not in now[-1]:
            return False
        before = [each for each in self.truth.arrivals[key] if each.order < order]
        return not before or before[-1].content.active

    def _gates(self) -> Iterator[Violation]:
        """A plan that disables more than a tight gate permits is held, but for the first drop of a source."""
        for run in self.facts.runs:
            tight = run.config is not None and run.config.gates == "tight" and not run.resend
            leaving = sum(row.action in ("disabled", "absent") for row in run.rows)
            if tight and leaving > 1 and not run.gates:
                yield Violation("I4 gate", f"{run.run_id} disables {leaving} people, and no gate tripped")

    def _stopped(self) -> Iterator[Violation]:
        """After a stop no call of the source leaves, but for those that were under way."""
        for stop in self.facts.stops:
            calls = [
                call
                for call in self.facts.calls
                if stop.since < call.order < (stop.until or call.order + 1) and self._is_of(call.digest, stop.source)
            ]
            if len(calls) > stop.under_way:
                what = f"of {stop.source}" if stop.source else "of all sources"
                yield Violation("I4 stopped", f"{len(calls)} calls left while sending {what} was stopped")

    def _is_of(self, digest: str, source: str) -> bool:
        run = self.model.by_digest.get(digest)
        return not source or (run is not None and run.source == source)

    def _reverted(self) -> Iterator[Violation]:
        """A revert is held, and sends the record of before to people of that run whom no other run sent since."""
        for run in self.facts.runs:
            if not run.reverts or not run.is_planned:
                continue
            if "revert" not in run.gates:
                yield Violation("I4 gate", f"{run.run_id} reverts {run.again_of} and is not held")
            old = self.model.runs[run.again_of]
            for row in run.rows:
                if fault := self._unreverted(run, old, row.key):
                    yield Violation("I4 reverted", f"{row.key} of {run.run_id}, which reverts {old.run_id}: {fault}")

    def _unreverted(self, run: RunFacts, old: RunFacts, key: str) -> str:
        if not any(row.key == key and row.chunk for row in old.rows):
            return "is no person whom that run sent"
        own = self.truth.own(old.digest, key)
        begins = own[0].order if own else old.plan_order
        others = [
            each for each in self.truth.arrivals[key] if each.digest != old.digest and each.order < run.plan_order
        ]
        since = [each for each in others if each.order > begins and not self._came_to_nothing(each)]
        if since:
            return f"{since[0].digest} sent this person since"
        before = [each for each in others if each.order < begins]
        certain = [each for each in before if not self._is_doubtful(each)]
        possible = [each for each in before if not certain or each.order >= certain[-1].order]
        content = run.contents[key]
        if content in [each.content for each in possible]:
            return ""
        was_first = not certain or all(self._came_to_nothing(each) for each in certain)
        if run.disables_created and was_first and content == replace(old.contents[key], active=False):
            return ""
        return f"it sends {content}, and before it was {[each.content for each in possible]}"

    def _is_doubtful(self, arrival: Arrival) -> bool:
        """Whether no receipt says that Entra took what it took."""
        run = self.model.by_digest.get(arrival.digest)
        return run is None or arrival.key in run.doubtful

    def _came_to_nothing(self, arrival: Arrival) -> bool:
        """Whether the log said that a record failed, or that a newer one was processed first."""
        run = self.model.by_digest.get(arrival.digest)
        rows = run.outcomes or () if run else ()
        return any(row.key == arrival.key and row.outcome in ("failed", "overtaken") for row in rows)

    def _unplanned(self, run: RunFacts, arrival: Arrival) -> str:
        row = next((row for row in run.rows if row.key == arrival.key and row.chunk), None)
        if row is None:
            return "is in no chunk of the plan"
        if row.line == 0:
            return self._unplanned_of_nobody_in_the_file(run, arrival)
        wanted = self.model.content(run, row.key, row.line)
        return "" if arrival.content == wanted else f"{arrival.content} arrived, not {wanted}"

    def _unplanned_of_nobody_in_the_file(self, run: RunFacts, arrival: Arrival) -> str:
        """Who is in no line: a run that sends people again sends what was sent before; others disable the absent."""
        if run.reverts:
            return "" if arrival.content == run.contents.get(arrival.key) else f"arrived as {arrival.content}"
        before = self.model.planned_before(run, arrival.key)
        if run.resend and arrival.content in before:
            return ""
        root = self.model.root(run)
        permitted = root.full and root.config is not None and root.config.absence == "disable"
        as_before = arrival.content.is_absence or any(replace(each, active=False) == arrival.content for each in before)
        return "" if permitted and as_before and not arrival.content.active else f"is no absence: {arrival.content}"

    # I3

    def _rows(self) -> Iterator[Violation]:
        for run in self.facts.runs:
            if run.is_planned and not run.resend and run.file is not None:
                yield from self._rows_of(run)
            if run.is_planned and run.was_planned and run.state in (*_ENDED, SETTLED):
                yield from self._ended(run)

    def _rows_of(self, run: RunFacts) -> Iterator[Violation]:
        planned = Counter(row.key for row in run.rows)
        lines = {row.key: row.line for row in run.rows}
        counted = run.file.counted() if run.file else {}
        for key, (line, row) in counted.items():
            answers = int(lines.get(key) == line) + int(line in run.rejected)
            if answers != 1 or planned[key] > 1:
                yield Violation("I3 row", f"{key} (line {line}) of {run.run_id} stands {answers} times in its files")
            if line in run.rejected and row.name and not self._may_be_protected(run, row.status):
                yield Violation("I3 row", f"{key} (line {line}) of {run.run_id} is rejected, and nothing is wrong")

    @staticmethod
    def _may_be_protected(run: RunFacts, status: str) -> bool:
        return status != "Active" and run.config is not None and bool(run.config.protected)

    def _ended(self, run: RunFacts) -> Iterator[Violation]:
        if run.run_id in self.facts.damaged or (run.outcomes is None and run.run_id in self.facts.edited):
            return  # it says so in its reasons
        if run.outcomes is None:
            yield Violation("I3 ended", f"{run.run_id} is {run.state} and has no outcome.csv")
            return
        answered = Counter(row.key for row in run.outcomes)
        for row in run.rows:
            if answered[row.key] != 1:
                where = f"{run.run_id}, which is {run.state}"
                yield Violation("I3 ended", f"{row.key} has {answered[row.key]} answers in outcome.csv of {where}")
        if extra := answered.keys() - {row.key for row in run.rows}:
            yield Violation("I3 ended", f"{sorted(extra)} are answered in {run.run_id} and were not planned")
        counts = Counter(row.outcome for row in run.outcomes)
        if run.state == SETTLED and {name: n for name, n in run.figures.items() if n} != dict(counts):
            yield Violation("I3 figures", f"{run.run_id} says {dict(run.figures)}, its outcome.csv {dict(counts)}")

    def _answers(self) -> Iterator[Violation]:
        for run in self.facts.runs:
            planned = {row.key: row for row in run.rows}
            for row in run.outcomes or ():
                if row.key in planned:
                    yield from self._answer(run, planned[row.key], row)
            for planned_row in run.rows:
                if not planned_row.chunk:
                    yield from self._unchanged(run, planned_row)

    def _unchanged(self, run: RunFacts, row: PlannedRow) -> Iterator[Violation]:
        """Of somebody who is not sent, Entra received the same record before."""
        before = [each for each in self.truth.arrivals[row.key] if each.order < run.plan_order]
        wanted = self.model.content(run, row.key, row.line)
        if wanted is not None and (not before or before[-1].content != wanted):
            last = before[-1].content if before else "nothing"
            yield Violation(
                "I3 unchanged", f"{row.key} of {run.run_id} is unchanged, and Entra received {last} last, not {wanted}"
            )

    def _answer(self, run: RunFacts, row: PlannedRow, answer: OutcomeRow) -> Iterator[Violation]:
        if not row.chunk:
            if answer.outcome != "unchanged":
                yield Violation("I3 untrue", f"{row.key} of {run.run_id} was not sent and is {answer.outcome}")
            return
        own = self.truth.own(run.digest, row.key)
        if answer.outcome == "unknown" and self._is_plain(run, own):
            yield Violation("I3 unknown", f"{row.key} of {run.run_id} is unknown, and the log says it plainly")
        if fault := self._untrue(run, row, answer, own):
            yield Violation("I3 untrue", f"{row.key} of {run.run_id} is {answer.outcome}, but {fault}")

    def _untrue(self, run: RunFacts, row: PlannedRow, answer: OutcomeRow, own: list[Arrival]) -> str:
        """Why an outcome is not true; "" where it is, or says nothing."""
        outcome, until = answer.outcome, run.outcome_order
        if outcome == "not_sent":
            return "Entra took it" if any(each.order < until for each in own) else ""
        if outcome == "failed" and row.key in run.refused:
            return ""
        if outcome == "overtaken":
            return "" if self._is_overtaken(run, row.key, own) else "no newer record was processed"
        content = run.contents.get(row.key)
        if outcome not in (*SUCCESS, *TROUBLES):
            return ""
        if content is None:
            return "no request holds it"
        since = own[0].order - 1 if own else run.plan_order
        return self._no_trouble(answer, content, since, until) or self._no_success(answer, content, since, until)

    def _no_success(self, answer: OutcomeRow, content: Content, since: int, until: int) -> str:
        if answer.outcome not in SUCCESS:
            return ""
        if not self.truth.is_applied(answer.key, content, since, until):
            return f"Entra had not applied {content} when that was written"
        if answer.outcome == "created" and not self.truth.is_created(answer.key, content, since, until):
            return "Entra had the account already"
        if answer.outcome == "disabled" and content.active:
            return "the account is enabled by it"
        if answer.outcome == "enabled" and not content.active:
            return "the account is disabled by it"
        return ""

    def _no_trouble(self, answer: OutcomeRow, content: Content, since: int, until: int) -> str:
        if answer.outcome == "failed":
            return "" if self.truth.is_failed(answer.key, content, since, until) else "no operation of it failed"
        if answer.outcome in ("skipped", "held_by_entra"):
            return "" if self.truth.is_skipped(answer.key, content, since, until) else "Entra did not skip it"
        return "" if answer.outcome in SUCCESS else "nothing deletes accounts here"

    def _is_overtaken(self, run: RunFacts, key: str, own: list[Arrival]) -> bool:
        """Whether a record that was sent later was processed when the outcome was written."""
        since = own[0].order if own else run.plan_order
        later = [each for each in self.truth.arrivals[key] if each.order > since and each.digest != run.digest]
        return any(self.truth.is_applied(key, each.content, since, run.outcome_order) for each in later)

    def _is_plain(self, run: RunFacts, own: list[Arrival]) -> bool:
        """Whether the log shows the one operation of this person in time, with a known action and status."""
        if len(own) != 1 or run.settled_at is None or run.source in self.facts.moved:
            return False
        if any(each.run_id in self.facts.edited and each.source == run.source for each in self.facts.runs):
            return False  # nobody could tell whose answer it was while the file was damaged
        others = [each for each in self.truth.arrivals[own[0].key] if each is not own[0]]
        if not all(self._is_said(each) for each in others if each.order < own[0].order):
            return False  # the next entry may be an older record's
        done = self.truth.processed[own[0].change_id]
        if any(
            since - _NEAR_A_GAP < each.at < until + _NEAR_A_GAP for each in done for since, until in self.facts.gaps
        ):
            return False  # Graph gave those entries no more, and the gap is named
        near = [each.at for each in others] + [
            event.at for each in others for event in self.truth.processed[each.change_id]
        ]
        if any(abs(at - mine) < _NOBODY_ELSE for at in near for mine in (own[0].at, *(each.at for each in done))):
            return False
        return any(
            (each.failed or each.event in _PLAIN)
            and each.is_plain
            and each.visible_at - each.at <= timedelta(seconds=1)
            and each.at + timedelta(minutes=10) < run.settled_at
            for each in done
        )

    def _is_said(self, arrival: Arrival) -> bool:
        """Whether the log said at once, and in words that are known, what happened to a record."""
        done = self.truth.processed[arrival.change_id]
        return any(each.is_plain and each.visible_at - each.at <= timedelta(seconds=1) for each in done)

    # I2

    def _older(self) -> Iterator[Violation]:
        wanted = {each.key: each.content for each in self.model.expected()}
        for key, arrivals in self.truth.arrived():
            last = arrivals[-1]
            if last.content == wanted.get(key):  # it stayed, and it is what HR says in the end
                continue
            if self._is_of_a_damaged_run(key):
                continue
            run = self.model.by_digest.get(last.digest)
            if run is None or (run.is_approved and "out_of_order" in run.gates):
                continue
            age = self._age(last, arrivals)
            for earlier in arrivals[:-1]:
                if earlier.content != last.content and self._is_newer(earlier, age, arrivals):
                    text = f"{key}: {run.run_id} arrived after {earlier.digest}, which is newer, and stayed"
                    yield Violation("I2 older", text)
                    break

    def _is_newer(self, earlier: Arrival, age: datetime, arrivals: list[Arrival]) -> bool:
        run = self.model.by_digest.get(earlier.digest)
        return run is not None and run.state != CANCELLED and not run.reverts and self._age(earlier, arrivals) > age

    def _age(self, arrival: Arrival, arrivals: list[Arrival]) -> datetime:
        """When HR dropped what this says; a run that sends people again sends what some run before it sent."""
        run = self.model.by_digest[arrival.digest]
        if not run.resend:
            return run.at
        same = [each for each in arrivals if each.order < arrival.order and each.content == arrival.content]
        runs = [self.model.root(self.model.by_digest[each.digest]) for each in same]
        return max([self.model.root(run).at, *(each.at for each in runs)])

    # I1

    def _accounts(self) -> Iterator[Violation]:
        for expected in self.model.expected():
            reason = expected.excluded or self._not_sent(expected) or self._excluded(expected.key)
            if reason:
                self.excluded[reason] += 1
                if reason == "Entra failed them":
                    yield from self._failed_untold(expected.key)
                continue
            self.excluded["(compared)"] += 1
            yield from self._account(expected)

    def _excluded(self, key: str) -> str:
        done = self.truth.last_done(key)
        touched = max(self.truth.touched_by_admin(key), self.facts.dropped.get(key, 0))
        if touched > max(done.order if done else 0, self.truth.last_change(key)):
            return "an administrator acted last"
        if self._is_of_a_damaged_run(key):
            return "a run that sent them is damaged"
        if done is not None and done.failed:
            return "Entra failed them"
        return "two jobs in another order" if self._are_two_jobs_in_another_order(key) else ""

    def _is_of_a_damaged_run(self, key: str) -> bool:
        """Whether a run sent this person of which nobody can tell whom it sent."""
        runs = (self.model.by_digest.get(each.digest) for each in self.truth.arrivals[key])
        return any(run is not None and run.run_id in self.facts.damaged for run in runs)

    def _are_two_jobs_in_another_order(self, key: str) -> bool:
        """Whether the job that an endpoint pointed to before has processed an older operation last."""
        done, arrivals = self.truth.last_done(key), self.truth.arrivals[key]
        if done is None:
            return False
        own = next(each for each in arrivals if each.change_id == done.change_id)
        return own.job != arrivals[-1].job

    def _not_sent(self, expected: Expected) -> str:
        """Who is protected after a plan was made, and before it was sent, is not disabled by it."""
        key, run = expected.key, expected.run
        if key in run.refused:
            return "Entra refused them"
        outcome = next((row.outcome for row in run.outcomes or () if row.key == key), None)
        protected = any(key in keys for _, source, keys in self.facts.protections if source == run.source)
        is_left_out = outcome == "not_sent" and protected and not expected.content.active
        return "protected before they were sent" if is_left_out else ""

    def _failed_untold(self, key: str) -> Iterator[Violation]:
        done = self.truth.last_done(key)
        assert done is not None
        arrival = next(each for each in self.truth.arrivals[key] if each.change_id == done.change_id)
        run = self.model.by_digest[arrival.digest]
        outcome = next((row.outcome for row in run.outcomes or () if row.key == key), None)
        if outcome in SUCCESS:  # that it is unknown, or overtaken, is judged elsewhere
            yield Violation("I1 failed untold", f"Entra failed {key} of {run.run_id}, whose outcome is {outcome}")

    def _account(self, expected: Expected) -> Iterator[Violation]:
        key, content = expected.key, expected.content
        state = self._state(key)
        if state is None:
            yield Violation("I1 lost", f"{key} has no account; {expected.run.run_id} asks for {content}")
            return
        if wrong := differences(state, content):
            found = {name: state.get(name) for name in wrong}
            yield Violation("I1 lost", f"{key} is {found}; {expected.run.run_id} asks for {content}")
        yield from self._manager(expected, state)

    def _manager(self, expected: Expected, state: dict[str, str]) -> Iterator[Violation]:
        manager = expected.content.manager
        if manager is None or expected.run.source in self.facts.moved:
            self.excluded["no manager, or another job's"] += 1
            return
        job = self.truth.arrivals[expected.key][-1].job
        account = self.facts.links[job].get(manager)
        if account not in self.facts.accounts:
            self.excluded["the manager is not found"] += 1
        elif state.get("manager") != account:
            yield Violation("I1 lost", f"{expected.key} has not the manager {manager} ({expected.run.run_id})")

    def _absent(self) -> Iterator[Violation]:
        for key in self.model.absent():
            state = self._state(key)
            if state is None:
                continue
            if reason := self._excluded(key):
                self.excluded[reason] += 1
            elif state.get("accountEnabled") != "False":
                yield Violation("I1 absent", f"{key} is in the file no more, and the account is enabled")

    def _state(self, key: str) -> dict[str, str] | None:
        """The account of a person as it is in the end."""
        found = [dict(state) for state in self.facts.accounts.values() if state.get("employeeId") == key]
        return found[0] if found else None
