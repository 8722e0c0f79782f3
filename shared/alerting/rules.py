"""The rules: what is worth telling a person. Each is a function from a watch to findings; RULES names them all. Pure.

Thresholds stand in the source file under `alerts:`. What a rule says must be true whenever it is looked at, so that an
alert is resolved by itself when it no longer holds. `docs/operations.md` says what to do for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.alerting.findings import Finding, Severity, Watch
from shared.model.errors import Damage
from shared.model.job import JobState
from shared.model.runs import AWAITING_OUTCOMES, ENDED_ON_THE_WAY, TO_SEND, RunState
from shared.planning.gates import exceeds
from shared.settings import can_do_without, named_in
from shared.status.job_words import quarantine_words
from shared.status.reads import RECENT, RunStatus, SourceStatus

Rule = Callable[[Watch, SourceStatus], Iterator[Finding]]
NOT_TAKEN_FOR = timedelta(hours=1)
SETTING = "setting"  # the name of the rule about settings
MOST_DAMAGES = 5  # of one place and source that are an alert each
UNREAD_FOR = timedelta(minutes=10)  # longer than Graph fails now and then


def findings(watch: Watch) -> list[Finding]:
    """Everything the rules find now."""
    found = [finding for source in watch.sources for rule in RULES for finding in rule(watch, source)]
    return [
        *found,
        *quota_nearly_spent(watch),
        *sending_stopped(watch),
        *source_files(watch),
        *damaged(watch),
        *strays(watch),
        *settings(watch.setting_faults),
    ]


def run_stopped(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """A run is held, blocked or rejected."""
    told = {
        RunState.HELD: (Severity.WARNING, "is held", "look at it, then approve or cancel it"),
        RunState.BLOCKED: (Severity.CRITICAL, "is blocked", "mend the cause; the run then goes on by itself"),
        RunState.REJECTED: (Severity.CRITICAL, "could not be planned", "correct the file, and drop it again"),
    }
    for each in _current(watch, source):
        if each.run.state in told:
            severity, title, remedy = told[each.run.state]
            text = "; ".join(each.run.reasons) or "no reason was given"
            yield _of_run(each, f"run-{each.run.state}", severity, f"A drop of {source.name} {title}", text, remedy)


def failures(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """More people failed than the source permits, also while others are awaited; the most frequent causes are named."""
    awaiting = [each for each in source.runs if each.run.state in AWAITING_OUTCOMES]
    for each in [*_answered(watch, source), *awaiting]:
        figures = each.run.figures
        if source.limits.failed is not None and exceeds(figures.failed, source.limits.failed, figures.sent, 0):
            named = ", ".join(f"{code or 'no code'} ({count})" for code, count in each.run.causes[:3])
            text = f"{figures.failed} of {figures.sent} people failed" + (f": {named}" if named else "")
            yield _of_run(
                each, "failures", Severity.CRITICAL, f"People of {source.name} failed", text,
                "outcome.csv says why, person by person; they are sent again with the next drop",
            )  # fmt: skip


def everything_skipped(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """Entra skipped everybody."""
    for each in _last_answered(watch, source):
        figures = each.run.figures
        if figures.sent > 0 and figures.skipped == figures.sent:
            yield _of_run(
                each, "all-skipped", Severity.CRITICAL, f"Entra skipped everybody of {source.name}",
                f"all {figures.sent} people were skipped", "look at the scoping filter of the provisioning app",
            )  # fmt: skip


def unanswered(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """People whom Entra's log has said nothing of; the usual reason is looked at first."""
    for each in _last_answered(watch, source):
        if each.run.figures.unknown:
            text = f"{each.run.figures.unknown} people have no answer in Entra's log. {_usual_reason(source)}"
            yield _of_run(
                each, "unknown", Severity.WARNING, f"People of {source.name} have no answer", text,
                "see that the provisioning job runs; the next drop sends these people again",
            )  # fmt: skip


def unanswered_twice(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """People whom two runs in a row sent, and of whom the log says nothing. They are not sent again."""
    for each in _last_answered(watch, source):
        if each.run.figures.unanswered:
            text = (
                f"{each.run.figures.unanswered} people were sent twice and Entra's log says nothing of them. "
                f"Rollcall sends them again only when they change. {_usual_reason(source)}"
            )
            yield _of_run(
                each, "no-answer-twice", Severity.CRITICAL, f"People of {source.name} had no answer twice", text,
                f"find out why the log is silent, then: rollcall resend {each.run.run_id} --unanswered",
            )  # fmt: skip


def held_by_entra(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """Accidental-deletion prevention holds changes back: the accounts are still enabled."""
    for each in _answered(watch, source):
        if each.run.figures.held_by_entra and each.run.released_at is None:
            yield _of_run(
                each, "held-by-entra", Severity.CRITICAL, f"Entra holds back changes of {source.name}",
                f"the accounts of {each.run.figures.held_by_entra} people were not disabled",
                "allow or reject the changes in the portal (Provisioning, Overview); Entra carries out what is allowed",
            )  # fmt: skip


def deleted(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """Entra deleted accounts. Rollcall never asks for that."""
    for each in _answered(watch, source):
        if each.run.figures.deleted:
            yield _of_run(
                each, "deleted", Severity.CRITICAL, f"Entra deleted accounts of {source.name}",
                f"{each.run.figures.deleted} people have no account any more",
                "restore them within 30 days, and switch off Delete under Target Object Actions of the mapping",
            )  # fmt: skip


def unrecognised(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """The log holds actions or statuses that this version does not know. No outcome comes from those."""
    found = [each for each in source.unrecognised if watch.now - each.last_at < RECENT]
    if found:
        shapes = "; ".join(f"{each.shape} ({each.entries})" for each in found[:3])
        yield _of_source(
            source, "unrecognised", Severity.WARNING, "Entra reported something this version does not know",
            f"people whose only entries are these stay without an answer: {shapes}",
            "look at the entries in the log, and see whether a newer release of Rollcall knows them",
        )  # fmt: skip


def rejected_records(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """More records were rejected than the source permits."""
    for each in _last_planned(watch, source):
        figures = each.run.figures
        if source.limits.rejected is not None and exceeds(figures.rejected, source.limits.rejected, figures.records, 0):
            yield _of_run(
                each, "rejected-records", Severity.WARNING, f"Records of {source.name} were rejected",
                f"{figures.rejected} of {figures.records} records could not be sent",
                "give rejected.csv to HR: each line says what to correct",
            )  # fmt: skip


def disable_spike(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """More accounts were disabled than usual, with or without an approval."""
    for each in _last_planned(watch, source):
        limit = source.limits.disabled
        if each.run.state is RunState.HELD:
            continue  # nothing happens before somebody approves it, and that one is told already
        if limit is not None and each.plan and each.plan.known and exceeds(each.disables, limit, each.plan.known, 5):
            yield _of_run(
                each, "disable-spike", Severity.WARNING, f"Many accounts of {source.name} are disabled",
                f"{each.disables} of {each.plan.known} people", "ask HR whether that is meant",
            )  # fmt: skip


def unresolved_managers(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """Managers are named who are nowhere."""
    for each in _last_planned(watch, source):
        unresolved, limit = len(each.plan.unresolved_managers) if each.plan else 0, source.limits.unresolved_managers
        if limit is not None and unresolved > limit:
            yield _of_run(
                each, "managers", Severity.INFO, f"Managers of {source.name} are nowhere",
                f"{unresolved} keys are named as managers that are neither in the file nor known",
                "see whether the managers come with another feed: Entra resolves them within one app only",
            )  # fmt: skip


def too_late(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """A run will not be finished by the time of day the source states."""
    if source.limits.finish_by is None:
        return
    for each in source.runs:
        if each.run.state not in TO_SEND:
            continue
        due = _due(each.run.received_at, source.limits.finish_by, source.limits.zone)
        done = each.done_at(watch.budget, watch.now)
        if done > due:
            yield _of_run(
                each, "late", Severity.WARNING, f"A drop of {source.name} will be late",
                f"it will be sent by {done:%Y-%m-%d %H:%M} UTC; it was wanted by {due:%Y-%m-%d %H:%M} UTC",
                "raise DAILY_CALLS if the licence gives more, or send fewer sources at once",
            )  # fmt: skip


def sending_fails(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """Entra has taken no call of a run for an hour, though calls are made."""
    for each in source.runs:
        run = each.run
        since = max((at for at in (run.sending_at, each.taken_at) if at), default=None)
        if run.state is RunState.SENDING and run.attempts and since and watch.now - since > NOT_TAKEN_FOR:
            yield _of_run(
                each, "sending-fails", Severity.CRITICAL, f"A drop of {source.name} is not taken by Entra",
                f"Entra has taken no call since {since:%Y-%m-%d %H:%M} UTC. {'; '.join(run.reasons)}",
                "nothing is lost, and calls are made again; see Microsoft's service health, and the network of the app",
            )  # fmt: skip


def silence(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """HR has dropped nothing for too long."""
    hours = source.limits.silence_hours
    last = max((each.run.received_at for each in source.runs if not each.run.again_of), default=None)
    if hours is not None and last is not None and watch.now - last > timedelta(hours=hours):
        yield _of_source(
            source, "silence", Severity.CRITICAL, f"No drop of {source.name}",
            f"the last drop came on {last:%Y-%m-%d %H:%M} UTC", "ask whether HR's export runs",
        )  # fmt: skip


def log_silence(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """People were sent, and the log says nothing at all."""
    hours = source.limits.log_silence_hours
    for each in source.runs:
        run = each.run
        if hours is None or run.state is not RunState.SENT or run.sent_at is None or not run.figures.sent:
            continue
        told_by_us = run.figures.people - run.figures.sent + run.figures.refused  # not sent, or not taken
        heard = sum(run.figures.outcomes.values()) - told_by_us
        if heard <= 0 and watch.now - run.sent_at > timedelta(hours=hours):
            yield _of_run(
                each, "log-silence", Severity.WARNING, f"Entra's log is silent about {source.name}",
                f"nothing since {run.sent_at:%Y-%m-%d %H:%M} UTC. {_usual_reason(source)}",
                "see that the provisioning job runs",
            )  # fmt: skip


def checkpoint_stands_still(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """The log has not been read for too long."""
    minutes = source.limits.checkpoint_minutes
    sending = (each.run.sending_at for each in source.runs if each.run.state in AWAITING_OUTCOMES)
    read_to = source.checkpoint or min((at for at in sending if at), default=None)  # before the first reading
    if minutes is None or read_to is None:
        return
    if watch.now - read_to > timedelta(minutes=minutes):
        fault, text = source.log_fault, f"it has been read up to {read_to:%Y-%m-%d %H:%M} UTC"
        if fault is not None:
            text += f"; the last reading failed at {fault.at:%Y-%m-%d %H:%M} UTC: {fault.text}"
        remedy = "look at the failures of collect_logs"
        if fault is not None and fault.status == 403:
            remedy = "grant the app's identity ProvisioningLog.Read.All"
        yield _of_source(
            source, "checkpoint", Severity.CRITICAL, f"Entra's log of {source.name} is not read", text, remedy
        )


def log_gap(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """A part of the log could not be read, and cannot be read any more."""
    spans = [f"{each.since:%Y-%m-%d %H:%M} to {each.until:%Y-%m-%d %H:%M} UTC" for each in source.log_gaps]
    if spans:
        yield _of_source(
            source, "log-gap", Severity.WARNING, f"Days of Entra's log of {source.name} are missing",
            f"entries of these times were not read, and Graph does not give them any more: {', '.join(spans)}",
            "for each run that was sent then and has people without an answer: rollcall resend RUN --unanswered",
        )  # fmt: skip


def job_stopped(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """The provisioning job is paused, or in quarantine."""
    job = source.job
    if job is None:
        return
    if job.quarantine:
        meaning, remedy = quarantine_words(job.quarantine)
        title = f"The job of {source.name} is in quarantine"
        yield _of_source(source, "quarantine", Severity.CRITICAL, title, meaning, remedy)
    elif job.state is not JobState.RUNNING and job.schedule:
        yield _of_source(
            source, "paused", Severity.WARNING, f"The job of {source.name} does not run",
            f"it is {job.state}; what is uploaded waits", "start provisioning",
        )  # fmt: skip


def job_unreadable(watch: Watch, source: SourceStatus) -> Iterator[Finding]:
    """The provisioning job cannot be read, and not for a moment only: its quarantine would not be seen."""
    unread = source.job_unread
    if unread is not None and watch.now - unread.since >= UNREAD_FOR:
        yield _of_source(
            source, "job-unreadable", Severity.WARNING, f"The job of {source.name} cannot be read", unread.fault,
            "remove the cause that the text names. Sending goes on; whether the job runs is not known",
        )  # fmt: skip


def source_files(watch: Watch) -> Iterator[Finding]:
    """A source file does not read. Its drops are rejected."""
    by_file: dict[str, list[str]] = {}
    for fault in watch.source_faults:
        by_file.setdefault(fault.partition(":")[0], []).append(fault)
    for name, faults in by_file.items():
        yield Finding(
            f"source-file|{name}", Severity.CRITICAL, "source-file", "", "A source file does not read",
            f"file {'; '.join(faults)}",
            "correct the file and deploy it, then `rollcall replan RUN` for drops that were rejected meanwhile",
        )  # fmt: skip


def settings(faults: Iterable[str]) -> Iterator[Finding]:
    """A setting is missing or malformed, or its reference was not resolved. Each fault begins with its name."""
    for fault in faults:
        name = named_in(fault)
        severity = Severity.WARNING if can_do_without(name) else Severity.CRITICAL
        yield Finding(
            f"{SETTING}|{name}", severity, SETTING, "", f"The setting {name} is faulty", fault,
            "correct the setting; the app starts again with it. Health names what is still faulty",
        )  # fmt: skip


def damaged(watch: Watch) -> Iterator[Finding]:
    """Something stored does not read. What does not depend on it goes on. Many things of one place are one finding."""
    together: dict[tuple[str, str], list[Damage]] = {}
    for each in watch.damages:
        together.setdefault((each.place.partition(",")[0], each.source), []).append(each)
    for (place, source), damages in together.items():
        if len(damages) > MOST_DAMAGES:
            text = f"{len(damages)} things in {place} do not read, such as {damages[0].what}: {damages[0].fault}"
            yield Finding(
                f"damaged|{place}|{source}", Severity.CRITICAL, "damaged", source, "Stored things do not read",
                f"{text} ({damages[0].place})", damages[0].remedy,
            )  # fmt: skip
        else:
            yield from map(_damage, damages)


def _damage(each: Damage) -> Finding:
    text = f"{each.what} does not read: {each.fault} ({each.place})"
    return Finding(
        f"damaged|{each.place}", Severity.CRITICAL, "damaged", each.source, "Something stored does not read", text,
        each.remedy, each.run_id,
    )  # fmt: skip


def strays(watch: Watch) -> Iterator[Finding]:
    """A drop lies in a folder that is named after no source: the newest one of each folder. While a source file does
    not read, a folder may be of that source, and the file is named.
    """
    recent = [each for each in watch.strays if watch.now - each.run.changed_at < RECENT]
    newest = {
        each.run.drop.folder: each
        for each in recent
        if not watch.source_faults or each.run.source != each.run.drop.folder
    }
    for each in newest.values():
        yield _of_run(
            each, f"run-{RunState.REJECTED}", Severity.CRITICAL, "A drop is of no source",
            f"{each.run.drop.path}: {'; '.join(each.run.reasons)}", "drop the file into the folder of its source",
        )  # fmt: skip


def quota_nearly_spent(watch: Watch) -> Iterator[Finding]:
    """The tenant's calls of 24 hours are nearly used up."""
    share = min((source.limits.quota_percent for source in watch.sources), default=100)
    budget = watch.budget
    total = budget.limit if budget.believed is None else min(budget.limit, budget.believed)
    if budget.used * 100 >= share * total:
        others = "" if budget.believed is None else "; Entra takes no more, so other clients of the tenant use it, too"
        yield Finding(
            "quota", Severity.WARNING, "quota", "", "The daily quota is nearly spent",
            f"{budget.used} of {budget.limit} calls in 24 hours are made{others}",
            "runs wait and go on by themselves; raise DAILY_CALLS if the licence gives more",
        )  # fmt: skip


def sending_stopped(watch: Watch) -> Iterator[Finding]:
    """An operator has stopped sending, of all sources or of one; it stays so until it is resumed."""
    for stop in watch.stops:
        what = f"Sending of {stop.source} is stopped" if stop.source else "Sending is stopped"
        yield Finding(
            f"sending-stopped|{stop.source}", Severity.WARNING, "sending-stopped", stop.source, what,
            f"{stop.sentence}. Runs wait, and go on when sending is resumed", f"when it may go on: {stop.remedy}",
        )  # fmt: skip


# What keeps Rollcall from working, beside what health sees on its own
KEEP_FROM_WORKING = frozenset({"run-blocked", "checkpoint", "job-unreadable", "sending-fails"})
# What `Finding.rule` says; docs/operations.md has a line for each
NAMES = (
    "run-held", "run-blocked", "run-rejected", "failures", "all-skipped", "unknown",
    "no-answer-twice", "held-by-entra", "deleted", "unrecognised", "rejected-records",
    "disable-spike", "managers", "late", "silence", "log-silence", "checkpoint", "log-gap", "quarantine", "paused",
    "quota", "job-unreadable", "source-file", "damaged", SETTING, "sending-fails", "sending-stopped",
)  # fmt: skip
RULES: tuple[Rule, ...] = (
    run_stopped,
    failures,
    everything_skipped,
    unanswered,
    unanswered_twice,
    held_by_entra,
    deleted,
    unrecognised,
    rejected_records,
    disable_spike,
    unresolved_managers,
    too_late,
    silence,
    log_silence,
    checkpoint_stands_still,
    log_gap,
    job_stopped,
    job_unreadable,
    sending_fails,
)


def _current(watch: Watch, source: SourceStatus) -> Iterator[RunStatus]:
    """The runs a person can still do something about: of the rejected ones only the newest drop."""
    for each in source.runs:
        is_newest = each is source.runs[-1]
        if each.run.state is not RunState.REJECTED or (is_newest and watch.now - each.run.changed_at < RECENT):
            yield each


def _last_answered(watch: Watch, source: SourceStatus) -> Iterator[RunStatus]:
    answered = [each for each in source.runs if each.run.state is RunState.SETTLED and each.run.figures.sent]
    return (each for each in answered[-1:] if watch.now - each.run.changed_at < RECENT)


def _answered(watch: Watch, source: SourceStatus) -> Iterator[RunStatus]:
    """The last run that was settled, and those that ended lately or were corrected since they were settled."""
    last = list(_last_answered(watch, source))
    yield from last
    for each in source.runs:
        run = each.run
        is_new = run.outcomes_at is not None and watch.now - run.outcomes_at < RECENT
        is_corrected = run.settled_at is not None and is_new and run.outcomes_at != run.settled_at
        if each not in last and run.settled_at and is_new and (is_corrected or run.state in ENDED_ON_THE_WAY):
            yield each


def _last_planned(watch: Watch, source: SourceStatus) -> Iterator[RunStatus]:
    ended = ENDED_ON_THE_WAY
    planned = [
        each for each in source.runs if each.run.planned_at and not each.run.resend and each.run.state not in ended
    ]
    return (each for each in planned[-1:] if watch.now - each.run.changed_at < RECENT)


def _usual_reason(source: SourceStatus) -> str:
    job = source.job
    if job is None:
        return "The state of the job could not be read."
    if job.quarantine:
        return f"The job is in quarantine ({job.quarantine.reason or 'no reason given'})."
    if job.state is not JobState.RUNNING and job.schedule:
        return f"The job is {job.state}."
    return "The job runs; for Active Directory, see that the provisioning agent is up."


def _due(received: datetime, clock: str, zone: str) -> datetime:
    """The first such time of day after a drop came."""
    hour, minute = (int(part) for part in clock.split(":"))
    local = received.astimezone(ZoneInfo(zone))
    due = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return due if due > local else due + timedelta(days=1)


def _of_run(each: RunStatus, rule: str, severity: Severity, title: str, text: str, remedy: str) -> Finding:
    run = each.run
    return Finding(f"{rule}|{run.source}|{run.run_id}", severity, rule, run.source, title, text, remedy, run.run_id)


def _of_source(source: SourceStatus, rule: str, severity: Severity, title: str, text: str, remedy: str) -> Finding:
    return Finding(f"{rule}|{source.name}", severity, rule, source.name, title, text, remedy)
