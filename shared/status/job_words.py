"""A provisioning job in words: state, quarantine with its cure, last cycle, what a command does to it. Pure.

Facts: docs/entra.md B4 to B8.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.model.job import Cycle, JobState, Quarantine, SynchronizationJob

_QUARANTINE = {
    "EncounteredBaseEscrowThreshold": (
        "very many people failed",
        "see who and why with `rollcall show last --failed`; correct it, then `rollcall setup restart`",
    ),
    "EncounteredTotalEscrowThreshold": (
        "very many people failed, managers counted",
        "see who and why with `rollcall show last --failed`; correct it, then `rollcall setup restart`",
    ),
    "EncounteredEscrowProportionThreshold": (
        "more than 40 % of the people failed",
        "see who and why with `rollcall show last --failed`; correct it, then `rollcall setup restart`",
    ),
    "EncounteredQuarantineException": (
        "Entra could not work at all: no notification e-mail, no connection, or no rights",
        "`rollcall setup plan` shows what is missing; then `rollcall setup apply`, then `rollcall setup restart`",
    ),
    "Unknown": ("Entra gives no reason", "look at the provisioning log; then `rollcall setup restart`"),
    "QuarantinedOnDemand": ("somebody put it there", "find out who and why; then `rollcall setup restart`"),
    "TooManyDeletes": (
        "more people would have been disabled or deleted in one cycle than the threshold allows",
        "look at the log entries `StagedDelete`. To let them happen: `rollcall setup restart --scope ForceDeletes`; "
        "if they are wrong, correct the feed, then `rollcall setup restart`",
    ),
    "IngestionInterrupted": ("uploads stopped half way", "send the open runs again, then `rollcall setup restart`"),
}
_STATES = {
    JobState.NOT_STARTED: "made, never started",
    JobState.RUNNING: "listens",
    JobState.PAUSED: "stopped: uploads are taken and pile up, nobody is provisioned",
    JobState.QUARANTINED: "in quarantine",
    JobState.DISABLED: "disabled: Entra gave up on it",
}
SCOPES = {
    "Escrows": "what failed is forgotten instead of tried again",
    "Watermark": "everything is looked at anew (an initial cycle)",
    "QuarantineState": "a quarantine ends",
    "ConnectorDataStore": "everything Entra keeps of the people is dropped; only Microsoft's support should ask for it",
    "Full": "all of it, also which account belongs to whom: everybody is matched anew",
    "ForceDeletes": "the disables and deletions that the threshold holds back happen",
}
_BUTTON = ("QuarantineState", "Watermark", "Escrows")


@dataclass(frozen=True)
class JobWords:
    """A job for a person. Empty where there is nothing to say."""

    state: str
    quarantine: str
    remedy: str
    next_attempt: str
    last_cycle: str
    last_success: str
    counts: dict[str, int]
    interval: str


def words(job: SynchronizationJob) -> JobWords:
    """What is to be said of a job."""
    meaning, remedy = quarantine_words(job.quarantine) if job.quarantine else ("", "")
    shown = _STATES.get(job.state, job.code or "unknown")
    if job.state is JobState.RUNNING and job.code == "NotRun":
        shown = "started, has not run yet"
    if job.state is JobState.DISABLED or (job.quarantine and job.schedule == "Disabled"):  # after weeks of quarantine
        shown, remedy = _STATES[JobState.DISABLED], remedy or "`rollcall setup start`"
    return JobWords(
        shown,
        meaning,
        remedy,
        _time(job.quarantine.next_attempt if job.quarantine else None),
        _cycle(job.cycle) if job.cycle else "",
        _time(job.succeeded_at),
        dict(job.counts),
        job.interval,
    )


def quarantine_words(quarantine: Quarantine) -> tuple[str, str]:
    """Why, and what to do. What Entra itself says stands behind it."""
    reason = quarantine.reason or "Unknown"
    meaning, remedy = _QUARANTINE.get(reason, (reason, "`rollcall setup restart` once the cause is removed"))
    return f"{meaning} ({reason}{': ' + quarantine.said if quarantine.said else ''})", remedy


def scope_fault(scope: str) -> str:
    """What is wrong with a resetScope; "" when it is good."""
    unknown = [name for name in names_in(scope) if name not in SCOPES]
    if unknown:
        return f"{unknown[0]!r} is no scope of a restart; known are {', '.join(SCOPES)}"
    return ""


def names_in(scope: str) -> tuple[str, ...]:
    """The names in a comma-separated scope; none: the portal's button."""
    return tuple(name.strip() for name in scope.split(",") if name.strip()) or _BUTTON


def consequences(verb: str, job: SynchronizationJob | None, scope: str = "") -> tuple[str, ...]:
    """What start, stop or restart will do to pending uploads and escrows, before it is done (docs/entra.md B5)."""
    if verb == "stop":
        told = ["nobody is provisioned until it is started again", "uploads are still taken and pile up"]
        return (*told, "a job that is stopped for very long refuses uploads in the end (bucket full)")
    if verb == "start":
        is_paused = job is not None and job.state is JobState.PAUSED
        waiting = "what was uploaded meanwhile is processed" if is_paused else "it begins to listen"
        return (waiting, "a job without a notification e-mail would go into quarantine at once")
    purge = (
        "a cycle that is running finishes what it took; anything else that was uploaded may be lost"
        if job and job.is_started
        else "everything that was uploaded and no cycle has taken yet is lost: the job does not run"
    )
    return (purge, *(f"{name}: {SCOPES[name]}" for name in names_in(scope)), _AFTER)


_AFTER = "send the source's open runs again afterwards, after about 40 minutes (one cycle)"


def _cycle(cycle: Cycle) -> str:
    counts = f"{cycle.imported} imported, {cycle.exported} exported, {cycle.escrowed} kept for another try"
    told = f"{cycle.state} at {_time(cycle.ended or cycle.began) or '?'}: {counts}"
    return f"{told}; {cycle.code}: {cycle.error}" if cycle.code or cycle.error else told


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
