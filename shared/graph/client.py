"""Microsoft Graph over HTTP: one request, one reply. Uploads, the log, jobs and set-up all call through here.

| what happens | reply | as an error |
|---|---|---|
| the address is not one of Graph's | no reply: no token is asked for, nothing leaves | UntrustedHost |
| the identity gives no token | 401, `left` is False | Refused |
| the identity's endpoint, or a connection, is not there | 0, `left` is False | Unreachable |
| a time-out, a cut connection, an answer that does not read | 0: it may have been taken | Unreachable |
| 401 | 401, after one more try with a new token | Refused |
| 429 | 429 with `retry_after` | Throttled |
| a redirect (never followed), any other 4xx, 5xx | its status | Refused |

What a person has to do first (NotSignedIn, ConfigurationError) is raised as the credential says it. An upload is asked
once: the sender decides what follows. Who reads or sets up gives the `Patience` it has.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec
from azure.core.exceptions import AzureError, ClientAuthenticationError

from shared.graph.tokens import Tokens
from shared.model.endpoint import TrustedHosts
from shared.model.errors import GraphError, Refused
from shared.model.times import Clock
from shared.sending.replies import Booking, Pacer, Reply, Verdict, pause_after

Json = dict[str, Any]
LONGEST_RETRY_AFTER = 86_400.0  # seconds; no limit of the service has a longer window
_CODE = re.compile(r"[\w.:-]{1,100}")
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL)  # so nothing was sent
_CONNECTED = "http11.send_request_headers.started"  # as httpx tells it; a transport of a test does not


@dataclass(frozen=True)
class Patience:
    """What is tried again, and how often. With none of it, a call that failed has failed."""

    tries: int = 1
    again: Callable[[Reply], bool] = lambda reply: False
    longest: float = math.inf  # seconds; where the service wants to be left alone for longer, it is not called again
    is_of_a_person: bool = False  # who gives no token is not asked for a second one: that may be a second sign-in

    def rest(self, reply: Reply, attempt: int) -> float | None:
        """Seconds to wait before the next try; None where there is none."""
        rest = pause_after(reply, attempt, 0.5)
        return rest if attempt < self.tries and self.again(reply) and rest <= self.longest else None


@dataclass(frozen=True)
class GraphClient:
    """Calls Graph as one identity, at a pace where one is given. Thread-safe without a pace."""

    connect: Callable[[], httpx.Client]  # asked for at the first call: most ticks have nothing to send
    tokens: Tokens
    hosts: TrustedHosts
    clock: Clock
    pacer: Pacer | None = None

    def ask(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        leaving: Callable[[], None] = lambda: None,
    ) -> tuple[Reply, bytes]:
        """Make one call: whatever happens is a reply, with its body. Raises UntrustedHost before anything leaves.

        `leaving` is called when the token is there, and again when the connection is: a first call waits for both. What
        it raises is raised here, and the call does not leave.
        """
        scope = self.hosts.scope_for(url)
        booking = self._turn()

        def leaves() -> None:
            booking.left(self.clock.elapsed())
            leaving()

        def watch(event: str, _: object) -> None:
            if event == _CONNECTED:
                leaves()

        try:
            token = self.tokens.get(scope)
        except ClientAuthenticationError as error:
            said = (str(error).splitlines() or [""])[0][:300]
            return Reply(401, self.clock.now(), code=type(error).__name__, message=said, left=False), b""
        except (httpx.HTTPError, AzureError) as error:  # the identity's endpoint gave no answer
            return Reply(0, self.clock.now(), code=type(error).__name__, left=False), b""
        own = {"Authorization": f"Bearer {token}", "client-request-id": str(uuid.uuid4())}
        try:
            leaves()
            response = self.connect().request(
                method, url, content=content, headers={**own, **(headers or {})}, extensions={"trace": watch}
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:  # a nextLink may be no address
            left = not isinstance(error, _NEVER_LEFT)
            return Reply(0, self.clock.now(), code=type(error).__name__, left=left), b""
        return reply_of(response, self.clock.now()), response.content

    def answer(
        self,
        method: str,
        url: str,
        patience: Patience,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        waiting: Callable[[Reply, float], None] = lambda reply, seconds: None,
    ) -> tuple[Reply, bytes]:
        """The last reply: a token that is not taken is renewed once, and what failed is tried again as `patience` says.

        `waiting` is called before each pause, with its reply and its seconds. Raises UntrustedHost.
        """
        renewed, attempt = False, 1
        while True:
            reply, body = self.ask(method, url, content=content, headers=headers)
            may_renew = reply.verdict is Verdict.NEW_TOKEN and (reply.left or not patience.is_of_a_person)
            if may_renew and not renewed:
                renewed = True
                self.tokens.renew()
                continue
            rest = patience.rest(reply, attempt)
            if rest is None:
                return reply, body
            waiting(reply, rest)
            self.clock.sleep(rest)
            attempt += 1

    def _turn(self) -> Booking:
        """Wait for the next call that the pace permits."""
        now = self.clock.elapsed()
        if self.pacer is None:
            return Booking(now)
        booking = self.pacer.book(now)
        self.clock.sleep(max(0.0, booking.at - now))
        return booking


def error_of(reply: Reply, what: str, needs: str) -> GraphError:
    """Why there is no answer of this: the log, a job. `needs` says which permission a 403 lacks."""
    if reply.status == 401 and not reply.left:
        return reply.error(f"there is no token for {what}: {reply.code}")
    if reply.status == 0:
        return reply.error(f"{what} gave no answer: {reply.code}")
    return reply.error(f"{what} answered {reply.told}{'; ' + needs if reply.status == 403 else ''}")


def object_in(body: bytes, reply: Reply, what: str) -> Json:
    """The JSON object of an answer. Raises Refused for anything else: empty does not say that nothing is there."""
    try:
        return _decoded(body)
    except msgspec.DecodeError as error:
        text = f"{what}: Graph sent no JSON object (request-id {reply.request_id}): {error}"
        raise Refused(text, status=reply.status, request_id=reply.request_id) from error


def reply_of(response: httpx.Response, now: datetime) -> Reply:
    """What a Graph response says; `innerError` and unknown bodies are no concern of ours (docs/entra.md A6)."""
    code = message = ""
    if not response.is_success:
        try:
            error = _decoded(response.content)["error"]
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


def _decoded(body: bytes) -> Json:
    """The JSON object in these bytes. Raises msgspec.DecodeError, whatever is wrong with them."""
    try:
        return msgspec.json.decode(body, type=Json)
    except (UnicodeDecodeError, RecursionError) as error:  # bytes that are no text, and brackets without end
        raise msgspec.DecodeError(type(error).__name__) from None


def _seconds(text: str | None, now: datetime) -> float | None:
    """Retry-After: seconds, also with decimals (docs/entra.md A6), or a date; never more than a day."""
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
