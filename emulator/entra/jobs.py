"""A job's life (entra-api.md B4, B5). Enters: a job and a verb. Leaves: the job changed, or written as Graph's JSON."""

from __future__ import annotations

import json
from datetime import datetime

from . import quarantine
from .dials import Dials
from .state import App, Execution, Job
from .wire import Json, iso

_NO_ADDRESS = "The notification e-mail address is not set."
_NEVER = "0001-01-01T00:00:00Z"
_NOT_SCHEDULED = "P10675199DT2H48M5.4775807S"


def start(app: App, job: Job, now: datetime) -> None:
    """Listen. Without a notification address the job is put aside at once (B7)."""
    job.schedule = "Active"
    if job.quarantine is None and not quarantine.has_recipients(app):
        quarantine.put_aside(job, quarantine.NO_ADDRESS, _NO_ADDRESS, now)
    job.code = "Quarantine" if job.quarantine else "Active"


def pause(job: Job) -> None:
    """Stop working; uploads still pile up."""
    job.schedule = job.code = "Paused"


def works(app: App, job: Job, dials: Dials, now: datetime) -> bool:
    """Does the job take part in a cycle now? Without an active agent nothing happens on premises (B11)."""
    if job.schedule != "Active" or not quarantine.due(job, now):
        return False
    if not quarantine.has_recipients(app):
        quarantine.put_aside(job, quarantine.NO_ADDRESS, _NO_ADDRESS, now)
        return False
    return job.target == "entra" or dials.ad_agents == "active"


def set_notification(app: App, recipients: str) -> None:
    """The notification address, as SyncNotificationSettings keeps it (B3)."""
    app.secrets["SyncNotificationSettings"] = json.dumps(
        {
            "Enabled": True,
            "Recipients": recipients,
            "DeleteThresholdEnabled": False,
            "DeleteThresholdValue": 500,
        }
    )


def job_json(app: App, job: Job, interval: float) -> Json:
    """Graph's synchronizationJob (B4)."""
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
    threshold = quarantine.delete_threshold(app)
    return [] if threshold is None else [{"name": "QuarantineTooManyDeletesThreshold", "value": str(threshold)}]
