"""A small scripted Graph: it answers uploads as it was told to, keeps what it took, and serves a provisioning log."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import httpx
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from tests.support.clock import FakeClock

JOB = "API2AAD.6d1f0c528a3e4b7c9d215e0f7a9b3c48.11111111-1111-4111-8111-111111111111"
Json = dict[str, Any]
Answer = Callable[[httpx.Request], httpx.Response]


def endpoint(job: str = JOB, host: str = "https://graph.microsoft.com") -> str:
    """The upload address of a job."""
    return f"{host}/v1.0/servicePrincipals/995aed29-05e3-4f1a-883e-f17b023d5c81/synchronization/jobs/{job}/bulkUpload"


def status(code: int, error: str = "", message: str = "", **headers: str) -> Answer:
    """Answer with this status."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"error": {"code": error, "message": message}} if code >= 400 else None
    return lambda request: httpx.Response(code, headers=names, json=body)


ACCEPTED = status(202)
BUCKET_FULL = status(
    500, "InternalServerError", "The bucket that stores the ingested data is full, please wait and retry this request."
)
FORBIDDEN = status(403, "Authorization_RequestDenied", "Insufficient privileges")
EXPIRED = status(401, "InvalidAuthenticationToken", "Access token has expired")


def no_answer(request: httpx.Request) -> httpx.Response:
    """The request arrives and nothing comes back."""
    raise httpx.ReadTimeout("timed out", request=request)


def cut(request: httpx.Request) -> httpx.Response:
    """The connection breaks."""
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)


def taken_then(answer: Answer) -> Answer:
    """The request is taken, and then this comes back."""
    return _Taken(answer)


@dataclass(frozen=True)
class _Taken:
    answer: Answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        return self.answer(request)


def refuses(*keys: str) -> Answer:
    """400 for any request that holds one of these people, else 202."""

    def answer(request: httpx.Request) -> httpx.Response:
        bad = set(keys) & set(keys_of(request.content))
        return (status(400, "Request_BadRequest", "Invalid Data Format") if bad else ACCEPTED)(request)

    return answer


@dataclass(frozen=True)
class Call:
    """One bulk request that arrived."""

    at: datetime
    url: str
    keys: tuple[str, ...]
    token: str
    status: int  # 0: nothing came back


@dataclass
class Identity:
    """The app's identity: hands out token-1, token-2 ... or none at all."""

    clock: FakeClock
    lifetime: float = 3600.0
    issued: int = 0
    fails: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        with self.lock:
            if self.fails:
                raise ClientAuthenticationError("no identity here")
            self.issued += 1
            return AccessToken(f"token-{self.issued}", int(self.clock.now().timestamp() + self.lifetime))


class ScriptedGraph(httpx.BaseTransport):
    """Uploads are answered by `script`, one answer a call, then by `otherwise`."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.script: deque[Answer] = deque()
        self.otherwise: Answer = ACCEPTED
        self.on_call: Callable[[int], None] = lambda number: None  # told the number of each call before it is answered
        self.calls: list[Call] = []
        self.taken: list[tuple[str, ...]] = []  # keys of each request that was taken, also where nothing came back
        self.log: list[Json] = []
        self.page_size = 100
        self.log_script: deque[Answer] = deque()
        self.log_otherwise: Answer | None = None  # instead of the entries in `log`
        self.log_calls: list[str] = []
        self.job: Json = {"schedule": {"state": "Active"}, "status": {"code": "Active", "quarantine": None}}
        self._lock = threading.RLock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        with self._lock:
            response = self._upload(request) if request.method == "POST" else self._read_log(request)
        response.headers.setdefault("Date", format_datetime(self.clock.now(), usegmt=True))
        response.headers.setdefault("request-id", f"request-{len(self.calls)}")
        response.request = request
        return response

    @property
    def statuses(self) -> list[int]:
        """What was answered, in order."""
        return [call.status for call in self.calls]

    @property
    def people(self) -> list[str]:
        """Every person in every request that was taken, in order."""
        return [key for keys in self.taken for key in keys]

    def _upload(self, request: httpx.Request) -> httpx.Response:
        self.on_call(len(self.calls) + 1)
        answer = self.script.popleft() if self.script else self.otherwise
        keys = tuple(keys_of(request.content))
        token = request.headers["Authorization"].removeprefix("Bearer ")
        seen = Call(self.clock.now(), str(request.url), keys, token, 0)
        if isinstance(answer, _Taken):
            self.taken.append(keys)
        try:
            response = answer(request)
        except httpx.HTTPError:
            self.calls.append(seen)
            raise
        self.calls.append(Call(seen.at, seen.url, keys, token, response.status_code))
        if response.status_code == 202 and not isinstance(answer, _Taken):
            self.taken.append(keys)
        return response

    def _read_log(self, request: httpx.Request) -> httpx.Response:
        if "auditLogs" not in request.url.path:
            return httpx.Response(200, json=self.job)
        url = unquote(str(request.url))
        self.log_calls.append(url)
        if self.log_script:
            return self.log_script.popleft()(request)
        if self.log_otherwise:
            return self.log_otherwise(request)
        found = list(self._matching(url))
        start = int(dict(request.url.params).get("$skiptoken", "0"))
        page: Json = {"value": found[start : start + self.page_size]}
        if start + self.page_size < len(found):
            following = request.url.copy_merge_params({"$skiptoken": str(start + self.page_size)})
            page["@odata.nextLink"] = str(following)
        return httpx.Response(200, json=page)

    def _matching(self, url: str) -> Iterator[Json]:
        job, since, until = window_of(url)
        for entry in sorted(self.log, key=lambda entry: str(entry["activityDateTime"]), reverse=True):
            at = datetime.fromisoformat(entry["activityDateTime"])
            if entry["jobId"] == job and since < at < until:
                yield entry


def window_of(url: str) -> tuple[str, datetime, datetime]:
    """The job and the bounds in the filter of a log request."""
    found = re.search(
        r"jobId eq '(.*?)' and activityDateTime gt (\S+?Z) and activityDateTime lt (\S+?Z)",
        unquote(url.replace("+", " ")),
    )
    assert found, url
    return found[1], datetime.fromisoformat(found[2]), datetime.fromisoformat(found[3])


def keys_of(body: bytes) -> list[str]:
    """The externalIds in a bulk request."""
    return [operation["data"]["externalId"] for operation in json.loads(body)["Operations"]]


def entry(key: str, at: datetime, action: str = "create", outcome: str = "success", **changes: Any) -> Json:
    """A log entry as Graph writes it (docs/entra.md D3)."""
    error = (
        {"errorCode": changes.pop("code", ""), "reason": changes.pop("reason", "")} if outcome == "failure" else None
    )
    skip = changes.pop("skip_reason", "")
    steps = [{"name": "EntrySynchronizationSkip", "status": "skipped", "details": {"SkipReason": skip}}] if skip else []
    return {
        "id": f"{key}-{action}-{outcome}-{at:%H%M%S}",
        "activityDateTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "jobId": JOB,
        "cycleId": "cycle",
        "changeId": f"change-{key}-{at:%d%H%M%S}",
        "provisioningAction": action,
        "durationInMilliseconds": 420,
        "provisioningStatusInfo": {"status": outcome, "errorInformation": error},
        "provisioningSteps": steps,
        "modifiedProperties": [],
        "sourceIdentity": {"id": key, "displayName": "", "identityType": "User", "details": {}},
        "targetIdentity": {"id": f"object-{key}", "displayName": "", "identityType": "User", "details": {}},
        **changes,
    }


def disabled(key: str, at: datetime) -> Json:
    """An update that disables the account (docs/entra.md D6)."""
    change = {"displayName": "accountEnabled", "oldValue": "True", "newValue": "False"}
    return entry(key, at, "update", modifiedProperties=[change])


def second(at: datetime, seconds: float = 1) -> datetime:
    """A moment later."""
    return at + timedelta(seconds=seconds)
