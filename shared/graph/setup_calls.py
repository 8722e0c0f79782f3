"""Calls of Graph as a person waits for them: paced by Graph's own word, tried again where that is safe.

Enters: a path and a body. Leaves: JSON, or a GraphError that says what was being done, what to do, and the request id.
A POST is tried again only after 429 or 503 with nothing done: who knows whether the one before was taken.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import msgspec
from azure.core.exceptions import AzureError, ClientAuthenticationError

from shared.graph.tokens import Tokens
from shared.graph.upload_and_log import decoded, reply_of
from shared.model.endpoint import TrustedHosts
from shared.model.errors import GraphError, Refused, Throttled, Unreachable
from shared.model.times import Clock
from shared.provisioning_app.advice import remedy_for
from shared.sending.pacing import pause_after
from shared.sending.replies import Reply, Verdict

Json = dict[str, Any]
TRIES = 6
REPLICATION_SECONDS = 180.0  # a new app is known everywhere after 20 to 60 s (entra-api.md B2)
REPLICATION_PAUSE = 5.0
PAGES = 200


class GraphCalls:
    """Graph, as the person who is signed in may use it. `say` gets a line whenever something is waited for."""

    def __init__(
        self,
        client: httpx.Client,
        tokens: Tokens,
        hosts: TrustedHosts,
        clock: Clock,
        origin: str,
        say: Callable[[str], None],
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._hosts = hosts
        self._clock = clock
        self.origin = origin.rstrip("/")
        self._say = say
        self._fresh: set[str] = set()

    def expect(self, identity: str) -> None:
        """This object was just made: until Entra knows it everywhere, a 404 about it is waited out."""
        self._fresh.add(identity)

    def get(self, path: str, doing: str, **headers: str) -> Json:
        """Read an object. Raises GraphError, also where it is no object: empty does not say that nothing is there."""
        response = self._asked("GET", path, None, doing, headers)
        if not response.content:
            raise another_shape(doing, "the answer is empty", response)
        return _decoded(response, doing)

    def send(self, method: str, path: str, body: Any, doing: str) -> Json:
        """Write. Raises GraphError; Unreachable when nobody knows whether it was taken."""
        return _decoded(self._asked(method, path, body, doing, {}), doing)

    def raw(self, path: str, doing: str) -> bytes:
        """Read, byte for byte. Raises GraphError."""
        return self._asked("GET", path, None, doing, {}).content

    def pages(self, path: str, doing: str, **headers: str) -> Iterator[Json]:
        """The items of a list, page by page; links are followed on trusted hosts only."""
        following: str | None = path
        for _ in range(PAGES):
            if not following:
                return
            page = self.get(following, doing, **headers)
            yield from objects(page, "value", doing)
            link = page.get("@odata.nextLink")
            if link is not None and not isinstance(link, str):
                raise another_shape(doing, "the next page has no address")
            following = link
        raise Refused(f"{doing}: the list has no end after {PAGES} pages")

    def _asked(self, method: str, path: str, body: Any, doing: str, headers: dict[str, str]) -> httpx.Response:
        url = path if path.startswith("http") else f"{self.origin}{path}"
        scope = self._hosts.scope_for(url)
        waited, renewed = 0.0, False
        attempt = 1
        while True:
            reply, response = self._once(method, url, scope, body, headers)
            if response is not None and reply.verdict is Verdict.ACCEPTED:
                return response
            if reply.verdict is Verdict.NEW_TOKEN and not renewed:
                renewed = True
                self._tokens.renew()
                continue
            if reply.status == 404 and self._is_replicating(url) and waited < REPLICATION_SECONDS:
                self._say(f"{doing}: Entra does not know the new app everywhere yet ({waited:.0f} s waited)")
                self._clock.sleep(REPLICATION_PAUSE)
                waited += REPLICATION_PAUSE
                continue
            if attempt >= TRIES or not _may_be_tried_again(method, reply):
                raise _error(doing, reply)
            rest = pause_after(reply, attempt, 0.5)
            self._say(f"{doing}: {_why(reply)}; going on in {rest:.0f} s")
            self._clock.sleep(rest)
            attempt += 1

    def _once(
        self, method: str, url: str, scope: str, body: Any, headers: dict[str, str]
    ) -> tuple[Reply, httpx.Response | None]:
        try:
            carried = {"Authorization": f"Bearer {self._tokens.get(scope)}", "client-request-id": str(uuid.uuid4())}
            content = None if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
            if content is not None:
                carried["Content-Type"] = "application/json"
            response = self._client.request(method, url, content=content, headers=carried | headers)
        except ClientAuthenticationError as error:
            told = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            raise Refused(f"signing in did not work: {told}; run `az login`, or use --sign-in device-code") from None
        except (httpx.HTTPError, httpx.InvalidURL, AzureError) as error:  # a nextLink may be no address
            return Reply(0, self._clock.now(), code=type(error).__name__), None
        return reply_of(response, self._clock.now()), response

    def _is_replicating(self, url: str) -> bool:
        return any(identity in url for identity in self._fresh)


def _may_be_tried_again(method: str, reply: Reply) -> bool:
    if reply.status in (429, 503):
        return True
    return method != "POST" and reply.verdict in (Verdict.UNAVAILABLE, Verdict.BUCKET_FULL)


def _why(reply: Reply) -> str:
    if reply.status == 429:
        return "Graph asks for a pause (429)"
    return f"Graph answered {reply.status}" if reply.status else "no answer from Graph"


def _decoded(response: httpx.Response, doing: str) -> Json:
    if not response.content:
        return {}
    try:
        return decoded(response.content, dict[str, Any])
    except msgspec.ValidationError:
        raise another_shape(doing, "the answer is no object", response) from None
    except msgspec.DecodeError:
        request_id = response.headers.get("request-id", "")
        raise Refused(f"{doing}: Graph sent no JSON (request-id {request_id})", request_id=request_id) from None


def another_shape(doing: str, what: str, response: httpx.Response | None = None) -> Refused:
    """An answer that is JSON, but not what Graph documents. What is not understood is never taken for nothing there."""
    request_id = response.headers.get("request-id", "") if response is not None else ""
    said = f" (request-id {request_id})" if request_id else ""
    return Refused(f"{doing}: Graph's answer has another shape than expected: {what}{said}", request_id=request_id)


def objects(raw: Mapping[str, Any], name: str, doing: str) -> list[Json]:
    """A list of objects within an answer. Raises Refused where it is something else, or missing."""
    items = raw.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise another_shape(doing, f"{name} is no list of objects")
    return items


def inner(raw: Mapping[str, Any], name: str, doing: str) -> Json:
    """An object within an answer, empty where it is missing or null. Raises Refused where it is something else."""
    value = raw.get(name)
    if value is not None and not isinstance(value, dict):
        raise another_shape(doing, f"{name} is no object")
    return value or {}


def _error(doing: str, reply: Reply) -> GraphError:
    said = f": {reply.message}" if reply.message else ""
    text = f"{doing} did not work: Graph answered {reply.told}{said}"
    if reply.status == 0:
        return Unreachable(f"{doing}: no answer from Graph; whether it was done is not known. Run the command again")
    if remedy := remedy_for(doing, reply.status, reply.code, reply.message):
        text += f". {remedy}"
    if reply.verdict is Verdict.THROTTLED:
        return Throttled(text, status=reply.status, request_id=reply.request_id, retry_after=reply.retry_after)
    return Refused(text, status=reply.status, request_id=reply.request_id)
