"""Sending: 400 chunks to an Entra that takes 300 ms for an answer, against the calls that Entra permits, in real
time."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
from azure.core.credentials import AccessToken

from bench.figures import Figure, Options
from emulator.entra import Dials, Entra, EntraTransport
from shared.app import assemble
from shared.clock import SystemClock
from shared.graph.tokens import Tokens
from shared.model.limits import MAX_OPERATIONS, UPLOAD_CALLS, UPLOAD_WINDOW
from shared.model.runs import RunState
from shared.settings import Settings
from shared.stores.storage import twins

CHUNKS = 400
ANSWERS_AFTER = 0.3  # seconds
TO_REACH = 0.98
SOURCE = """\
source: employees
endpoint: https://graph.microsoft.com/v1.0/servicePrincipals/{principal}/synchronization/jobs/{job}/bulkUpload
csv: {{mode: partial}}
key: id
attributes:
  userName: {{template: "{{id}}@contoso.com"}}
  active: {{column: status, is: Active}}
"""
SETTINGS = {
    "DropStorage": "UseDevelopmentStorage=true",
    "DROPS_CONTAINER": "drops",
    "SEND_SCHEDULE": "*/10 * * * * *",
    "COLLECT_SCHEDULE": "*/15 * * * * *",
    "SWEEP_SCHEDULE": "0 */5 * * * *",
    "ALERT_SCHEDULE": "0 */5 * * * *",
}


class Slow(httpx.BaseTransport):
    """An Entra that takes its time; it notes when each upload came, and with what it was answered."""

    def __init__(self, entra: EntraTransport) -> None:
        self._entra = entra
        self.came: list[float] = []
        self.answers: Counter[int] = Counter()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, later."""
        uploads = request.url.path.endswith("bulkUpload")
        if uploads:
            self.came.append(time.monotonic())
        response = self._entra.handle_request(request)
        if uploads:
            self.answers[response.status_code] += 1
            time.sleep(ANSWERS_AFTER)
        return response


class Identity:
    """The app's identity in the emulated tenant."""

    def __init__(self, entra: Entra) -> None:
        self._entra = entra

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """A token for an hour."""
        token = self._entra.issue_token(roles=["SynchronizationData-User.Upload", "ProvisioningLog.Read.All"])
        return AccessToken(token, int(time.time()) + 3600)


def measure(options: Options) -> Iterator[Figure]:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        slow, seconds = _send(Path(folder))
    # The first window is open at once; every further one costs its whole length.
    permitted = (CHUNKS / UPLOAD_CALLS - 1) * UPLOAD_WINDOW.total_seconds()
    found = permitted / (max(slow.came) - min(slow.came))
    throttled = slow.answers[429]
    yield Figure(
        f"sending {CHUNKS} chunks to an Entra that answers in {ANSWERS_AFTER * 1000:.0f} ms", found,
        f">= {TO_REACH}, no 429", found >= TO_REACH and not throttled,
        f"{UPLOAD_CALLS} calls in {UPLOAD_WINDOW.total_seconds():.0f} s: {permitted:.0f} s from the first to the last",
        f"{seconds:.1f} s in all, {throttled} answered with 429",
    )  # fmt: skip


def _send(folder: Path) -> tuple[Slow, float]:
    clock = SystemClock()
    entra = Entra(Dials(), lambda: datetime.now(UTC), seed=7)
    app = entra.add_app("HR to Entra")
    (folder / "employees.yaml").write_text(
        SOURCE.format(principal=app.service_principal_id, job=app.job.id), encoding="utf-8"
    )
    slow = Slow(EntraTransport(entra))
    with httpx.Client(transport=slow) as client:
        identity = Identity(entra)
        storage = twins()
        settings = Settings.read(SETTINGS | {"SOURCES_DIR": str(folder)})
        house = assemble(settings, storage, lambda: client, Tokens(lambda: identity, clock.now), clock, lambda: 0.5)
        rows = "".join(f"p{at:06d},Active\n" for at in range(CHUNKS * MAX_OPERATIONS))
        storage.drops.put("employees/drop.csv", b"id,status\n" + rows.encode(), None)
        run = house.plan_drop(storage.drops.drop("employees/drop.csv"))
        start = time.monotonic()
        while house.ledger.get(run.run_id).state is not RunState.SENT:
            house.send_runs()
        return slow, time.monotonic() - start
