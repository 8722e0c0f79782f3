"""Microsoft Graph over HTTP: uploads and the provisioning log. A token leaves only for a trusted address.

Uploads never raise: whatever happens is a `Reply` the sender judges. Reading the log raises GraphError.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from azure.core.exceptions import AzureError, ClientAuthenticationError

from shared.collecting.checkpoint import Window
from shared.collecting.reading import LogPage
from shared.graph.log_pages import log_minimum, read_page
from shared.graph.tokens import Tokens
from shared.model.endpoint import Endpoint, TrustedHosts
from shared.model.errors import LogMinimum, Refused, Throttled, Unreachable
from shared.model.times import Clock, graph_time
from shared.sending.pacing import Pacer, pause_after
from shared.sending.replies import Reply, Verdict

SCIM_JSON = "application/scim+json"  # mandatory for bulkUpload (entra-api.md A3)
TIMEOUT = httpx.Timeout(60, connect=10)
_TAKEN = 202  # what Graph answers when it has taken a bulk request (entra-api.md A5)
LOG_TRIES = 5
LONGEST_REST = 60.0  # seconds; a log that wants to be left alone for longer is read by the next tick
LONGEST_RETRY_AFTER = 86_400.0  # seconds; no limit of the service has a longer window
_CODE = re.compile(r"[\w.:-]{1,100}")
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)  # no connection, so nothing was sent
_CONNECTED = "http11.send_request_headers.started"  # as httpx tells it; a transport of a test does not


class GraphUpload:
    """The upload API of provisioning jobs."""

    def __init__(
        self,
        client: Callable[[], httpx.Client],  # asked for at the first call: most ticks have nothing to send
        tokens: Tokens,
        hosts: TrustedHosts,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._hosts = hosts
        self._now = now

    def post(self, endpoint: Endpoint, body: bytes, leaving: Callable[[], None] = lambda: None) -> Reply:
        """Send one bulk request. Whatever happens is a reply. Raises UntrustedHost before anything leaves.

        `leaving` is called when the token is there, and again when the connection is: a first call waits for both. What
        it raises is raised here, and the call does not leave.
        """

        def watch(event: str, _: object) -> None:
            if event == _CONNECTED:
                leaving()

        scope = self._hosts.scope_for(endpoint.url)
        try:
            token = self._tokens.get(scope)
        except ClientAuthenticationError as error:
            return Reply(401, self._now(), code=type(error).__name__, message="the identity gave no token")
        except (httpx.HTTPError, AzureError) as error:  # the identity endpoint gave no answer
            return Reply(0, self._now(), code=type(error).__name__, left=False)
        try:
            leaving()
            response = self._client().post(
                endpoint.url,
                content=body,
                headers={
                    "Authorization": f"Bearer {token}",
                    "Content-Type": SCIM_JSON,
                    "client-request-id": str(uuid.uuid4()),
                },
                extensions={"trace": watch},
            )
        except httpx.HTTPError as error:
            return Reply(0, self._now(), code=type(error).__name__, left=not isinstance(error, _NEVER_LEFT))
        if response.is_success and response.status_code != _TAKEN and "request-id" not in response.headers:
            return Reply(0, self._now(), code=f"Not{_TAKEN}")  # another server's answer, such as a proxy's page
        return reply_of(response, self._now())

    def renew_token(self, endpoint: Endpoint) -> None:
        """Use a new token from the next call on."""
        self._tokens.renew()


class GraphLog:
    """The provisioning log (`entra-api.md` D1, D2): paced, with `nextLink` followed on trusted hosts only."""

    def __init__(self, client: httpx.Client, tokens: Tokens, hosts: TrustedHosts, clock: Clock, pacer: Pacer) -> None:
        self._client = client
        self._tokens = tokens
        self._hosts = hosts
        self._clock = clock
        self._pacer = pacer

    def pages(self, endpoint: Endpoint, window: Window, following: str = "") -> Iterator[LogPage]:
        """The entries of a job in a window, page by page; from `following` on, where that is given.

        Raises GraphError, UntrustedHost.
        """
        url: str | None = following or _first_page(endpoint, window)
        seen: set[str] = set()
        while url:
            if url in seen:
                raise Refused("the provisioning log sent the same nextLink twice")
            seen.add(url)
            reply, body = self._answer(url)
            page = read_page(body, endpoint.job_id, reply)
            yield page
            if page.is_cut_off:
                raise Refused("the provisioning log sent no address that reads for its next page")
            url = page.following

    def _answer(self, url: str) -> tuple[Reply, bytes]:
        renewed = False
        for attempt in range(1, LOG_TRIES + 1):
            reply, body = self._get(url)
            if reply.verdict is Verdict.ACCEPTED:
                return reply, body
            if reply.verdict is Verdict.NEW_TOKEN and not renewed:
                renewed = True
                self._tokens.renew()
                continue
            rest = pause_after(reply, attempt, 0.5)
            if reply.verdict not in (Verdict.THROTTLED, Verdict.UNAVAILABLE) or rest > LONGEST_REST:
                break
            if attempt < LOG_TRIES:
                self._clock.sleep(rest)
        raise _error(reply)

    def _get(self, url: str) -> tuple[Reply, bytes]:
        scope = self._hosts.scope_for(url)
        now = self._clock.elapsed()
        booking = self._pacer.book(now)
        self._clock.sleep(max(0.0, booking.at - now))
        try:
            token = self._tokens.get(scope)
            booking.left(self._clock.elapsed())
            headers = {"Authorization": f"Bearer {token}", "Prefer": "include-unknown-enum-members"}
            response = self._client.get(url, headers=headers)
        except ClientAuthenticationError as error:
            return Reply(401, self._clock.now(), code=type(error).__name__), b""
        except (httpx.HTTPError, httpx.InvalidURL, AzureError) as error:  # a nextLink may be no address
            return Reply(0, self._clock.now(), code=type(error).__name__), b""
        return reply_of(response, self._clock.now()), response.content


Kind = TypeVar("Kind")


def decoded(body: bytes, kind: type[Kind]) -> Kind:
    """The JSON in these bytes, of this kind. Raises msgspec.DecodeError, whatever is wrong with them."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (UnicodeDecodeError, RecursionError) as error:  # bytes that are no text, and brackets without end
        raise msgspec.DecodeError(type(error).__name__) from None


def reply_of(response: httpx.Response, now: datetime) -> Reply:
    """What a Graph response says; `innerError` and unknown bodies are no concern of ours (A6)."""
    code = message = ""
    if not response.is_success:
        try:
            error = decoded(response.content, dict[str, Any])["error"]
            code, message = str(error.get("code", "")), str(error.get("message", ""))
        except (msgspec.DecodeError, KeyError, AttributeError):
            message = ""
    headers = response.headers
    date = _date(headers.get("Date"))
    return Reply(
        response.status_code,
        date or now,
        headers.get("request-id", ""),
        _seconds(headers.get("Retry-After"), date or now),  # a date is one of the service's clock, not of ours
        code if _CODE.fullmatch(code) else "",  # it is logged, so it holds no more than a word
        message[:500],
        (now - date).total_seconds() if date else None,
    )


def _first_page(endpoint: Endpoint, window: Window) -> str:
    job = endpoint.job_id.replace("'", "''")
    since, until = graph_time(window.since), graph_time(window.until)
    wanted = f"jobId eq '{job}' and activityDateTime gt {since} and activityDateTime lt {until}"
    return f"{endpoint.origin}/v1.0/auditLogs/provisioning?$filter={quote(wanted)}"


def _error(reply: Reply) -> Refused | Throttled | Unreachable:
    text = f"the provisioning log answered {reply.told}"
    if reply.status == 400 and (minimum := log_minimum(reply.message)):
        return LogMinimum(f"{text}: {reply.message}", minimum, request_id=reply.request_id)
    if reply.status == 403:
        text += "; grant the app's identity ProvisioningLog.Read.All"
    if reply.status == 0:
        return Unreachable(text, request_id=reply.request_id)
    if reply.verdict is Verdict.THROTTLED:
        return Throttled(text, status=reply.status, request_id=reply.request_id, retry_after=reply.retry_after)
    return Refused(text, status=reply.status, request_id=reply.request_id)


def _seconds(text: str | None, now: datetime) -> float | None:
    """Retry-After: seconds, also with decimals (A6), or a date; never more than a day."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        moment = _date(text)
        if moment is None:
            return None
        seconds = (moment - now).total_seconds()
    return None if math.isnan(seconds) else min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except (ValueError, TypeError, OverflowError):
        return None
