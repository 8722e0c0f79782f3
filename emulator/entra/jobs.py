"""A job's life: started, paused, restarted, put aside and tried again (docs/entra.md B4, B5, B7, B8). Enters: a job and
a verb. Leaves: the job changed, or written as Graph's JSON.

Restarting an API-driven job purges what waits in its bucket. A cycle that is running finishes what it took.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from emulator.entra.dials import Dials
from emulator.entra.state import App, Execution, Job
from emulator.entra.wire import Json, bad_request, iso

_GAPS = (6, 12, 24)  # hours; then every 24
_LONGEST = timedelta(days=28)
TOO_MANY_DELETES = "TooManyDeletes"
NO_ADDRESS = "EncounteredQuarantineException"


def notification_settings(app: App) -> Json:
    """What SyncNotificationSettings says (docs/entra.md B3); empty when it says nothing readable."""
    try:
        settings = json.loads(app.secrets.get("SyncNotificationSettings") or "{}")
    except ValueError:
        return {}
    return settings if isinstance(settings, dict) else {}


def has_recipients(app: App) -> bool:
    """Is there somebody to tell? Without one a job is put aside as soon as it starts."""
    settings = notification_settings(app)
    return bool(settings.get("Enabled") and settings.get("Recipients"))


def delete_threshold(app: App) -> int | None:
    """How many disables in one cycle are too many; None when nobody counts."""
    settings = notification_settings(app)
    if not settings.get("DeleteThresholdEnabled"):
        return None
    value = settings.get("DeleteThresholdValue")
    return value if isinstance(value, int) and value > 0 else 500


def put_aside(job: Job, reason: str, message: str, now: datetime) -> None:
    """Into quarantine, or deeper into it: the gaps between attempts grow."""
    series = job.quarantine or {"seriesBegan": iso(now), "seriesCount": 0, "currentBegan": iso(now)}
    count = series["seriesCount"] + 1
    hours = _GAPS[min(count, len(_GAPS)) - 1]
    job.code = "Quarantine"
    job.quarantine = {
        "currentBegan": series["currentBegan"],
        "nextAttempt": iso(now + timedelta(hours=hours)),
        "reason": reason,
        "seriesBegan": series["seriesBegan"],
        "seriesCount": count,
        "error": {"code": reason, "message": message, "tenantActionable": True},
    }
    if now - datetime.fromisoformat(series["seriesBegan"]) > _LONGEST:
        job.schedule = "Disabled"


def due(job: Job, now: datetime) -> bool:
    """May a cycle run: no quarantine, or its next attempt is due?"""
    return job.quarantine is None or datetime.fromisoformat(job.quarantine["nextAttempt"]) <= now


def judge(job: Job, dials: Dials, now: datetime) -> None:
    """After a cycle: put the job aside, or take it out of quarantine."""
    found = _reason(job, dials)
    if found:
        put_aside(job, *found, now)
    elif job.quarantine is not None:
        job.quarantine = None
        job.code = job.schedule if job.schedule != "Disabled" else "NotRun"


def _reason(job: Job, dials: Dials) -> tuple[str, str] | None:
    if job.staged_deletes and not job.release_deletes:
        return TOO_MANY_DELETES, f"{len(job.staged_deletes)} users would have been disabled or deleted in one cycle."
    failures, references = len(job.escrows), len(job.awaited)
    if failures + references < dials.escrow_base:
        return None
    people = failures + len(job.links)
    if failures > dials.escrow_proportion * people:
        return "EncounteredEscrowProportionThreshold", f"{failures} of {people} entries failed."
    if failures > dials.escrow_most:
        return "EncounteredBaseEscrowThreshold", f"{failures} entries failed."
    if failures + references > dials.escrow_most_total:
        return "EncounteredTotalEscrowThreshold", f"{failures + references} entries and references failed."
    return None


_NO_ADDRESS = "The notification e-mail address is not set."
_NEVER = "0001-01-01T00:00:00Z"
_NOT_SCHEDULED = "P10675199DT2H48M5.4775807S"


def start(app: App, job: Job, now: datetime) -> None:
    """Listen. Without a notification address the job is put aside at once (docs/entra.md B7)."""
    job.schedule = "Active"
    if job.quarantine is None and not has_recipients(app):
        put_aside(job, NO_ADDRESS, _NO_ADDRESS, now)
    job.code = "Quarantine" if job.quarantine else "Active"


def pause(job: Job) -> None:
    """Stop working; uploads still pile up."""
    job.schedule = job.code = "Paused"


def works(app: App, job: Job, dials: Dials, now: datetime) -> bool:
    """Does the job take part in a cycle now? On premises it needs an active agent (docs/entra.md B11)."""
    if job.schedule != "Active" or not due(job, now):
        return False
    if not has_recipients(app):
        put_aside(job, NO_ADDRESS, _NO_ADDRESS, now)
        return False
    return job.target == "entra" or dials.ad_agents == "active"


def set_notification(app: App, recipients: str) -> None:
    """The notification address, as SyncNotificationSettings keeps it (docs/entra.md B3)."""
    app.secrets["SyncNotificationSettings"] = json.dumps(
        {
            "Enabled": True,
            "Recipients": recipients,
            "DeleteThresholdEnabled": False,
            "DeleteThresholdValue": 500,
        }
    )


def job_json(app: App, job: Job, interval: float) -> Json:
    """Graph's synchronizationJob (docs/entra.md B4)."""
    scheduled = job.schedule != "Disabled"
    steady = iso(job.steady_since) if job.steady_since else _NEVER
    return {
        "id": job.id,
        "templateId": job.id.partition(".")[0],
        "schedule": {
            "expiration": None,
            "interval": _duration(interval) if scheduled else _NOT_SCHEDULED,
            "state": job.schedule,
        },
        "status": {
            "code": job.code,
            "countSuccessiveCompleteFailures": 0,
            "escrowsPruned": False,
            "lastExecution": _execution_json(job.last),
            "lastSuccessfulExecution": _execution_json(job.last_successful),
            "lastSuccessfulExecutionWithExports": _execution_json(job.last_with_exports),
            "progress": [],
            "quarantine": job.quarantine,
            "steadyStateFirstAchievedTime": steady,
            "steadyStateLastAchievedTime": iso(job.last_successful.ended) if job.last_successful else steady,
            "synchronizedEntryCountByType": [{"key": "User", "value": len(job.links)}],
            "troubleshootingUrl": None,
        },
        "synchronizationJobSettings": _settings_json(app),
    }


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"PT{minutes:g}M" if minutes and not rest else f"PT{seconds:g}S"


def _execution_json(execution: Execution | None) -> Json | None:
    if execution is None:
        return None
    return {
        "activityIdentifier": execution.activity_id,
        "countEntitled": execution.entitled,
        "countEntitledForProvisioning": execution.entitled,
        "countEscrowed": execution.escrowed,
        "countEscrowedRaw": execution.escrowed,
        "countExported": execution.exported,
        "countExports": execution.exported,
        "countImported": execution.imported,
        "countImportedDeltas": execution.imported,
        "countImportedReferenceDeltas": execution.references,
        "state": execution.state,
        "timeBegan": iso(execution.began),
        "timeEnded": iso(execution.ended),
        "error": execution.error,
    }


def _settings_json(app: App) -> list[Json]:
    threshold = delete_threshold(app)
    return [] if threshold is None else [{"name": "QuarantineTooManyDeletesThreshold", "value": str(threshold)}]


_DEFAULT = frozenset({"QuarantineState", "Watermark", "Escrows"})
SCOPES = frozenset({"None", "ConnectorDataStore", "Escrows", "Watermark", "QuarantineState", "Full", "ForceDeletes"})


def read_scope_names(text: str | None) -> frozenset[str]:
    """The names in a comma-separated resetScope; none of them is the portal's button. Raises GraphError 400."""
    names = frozenset(each.strip() for each in (text or "").split(",") if each.strip())
    unknown = sorted(names - SCOPES)
    if unknown:
        raise bad_request(f"The resetScope '{unknown[0]}' is not known.")
    return names or _DEFAULT


def forget(job: Job, names: frozenset[str]) -> None:
    """Forget what `names` says. What waits in the bucket goes in any case."""
    everything = "Full" in names
    job.staged.clear()
    if everything or "Escrows" in names:
        job.escrows.clear()
    if everything or "ConnectorDataStore" in names:
        job.links.clear()
        job.awaited.clear()
        job.waiting_for.clear()
    if everything or "QuarantineState" in names:
        job.quarantine = None
    job.release_deletes = "ForceDeletes" in names
    if not job.release_deletes:
        job.staged_deletes.clear()
    else:
        job.quarantine = None
