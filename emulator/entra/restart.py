"""Restarting a job (entra-api.md B5). Enters: a resetScope. Leaves: the job, with what the scope names forgotten.

Restarting an API-driven job purges what waits in its bucket. A cycle that is running finishes what it took.
"""

from __future__ import annotations

from .errors import bad_request
from .state import Job

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
