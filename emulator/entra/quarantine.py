"""When a job is put aside, and when it is tried again (entra-api.md B7, B8). Enters: a job after a cycle, or an app's
settings. Leaves: the job in or out of quarantine.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from .dials import Dials
from .state import App, Job
from .wire import Json, iso

_GAPS = (6, 12, 24)  # hours; then every 24
_LONGEST = timedelta(days=28)
TOO_MANY_DELETES = "TooManyDeletes"
NO_ADDRESS = "EncounteredQuarantineException"


def notification_settings(app: App) -> Json:
    """What SyncNotificationSettings says (B3); empty when it says nothing readable."""
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
