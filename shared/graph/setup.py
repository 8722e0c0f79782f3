"""Graph as a person waits for it: paced by Graph's own word, tried again where that is safe. On laptops only.

Enters: a path and a body. Leaves: JSON, or a GraphError that says what was being done, what to do, and the request id.
A POST is tried again only after 429 or 503 with nothing done: who knows whether the one before was taken.

Facts: docs/entra.md B2 (permissions, roles, replication), C6 (schema), E (grants).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shared.graph.client import GraphClient, Json, Patience, object_in
from shared.sending.replies import Reply, Verdict

REPLICATION_SECONDS = 180.0  # a new app is known everywhere after 20 to 60 s (docs/entra.md B2)
REPLICATION_PAUSE = 5.0
_TRIES = 6
_PASSING = (Verdict.THROTTLED, Verdict.UNAVAILABLE, Verdict.BUCKET_FULL)
_PATIENCE = Patience(_TRIES, lambda reply: reply.verdict in _PASSING, is_of_a_person=True)
_OF_A_POST = Patience(_TRIES, lambda reply: reply.status in (429, 503), is_of_a_person=True)
_ROLES = (
    "Application Administrator or Cloud Application Administrator "
    "(for Active Directory also Hybrid Identity Administrator)"
)
_SCOPES = "Application.ReadWrite.All and Synchronization.ReadWrite.All"
_MISSING = (
    f"Sign in as somebody with the role {_ROLES}, and with the permissions {_SCOPES}: "
    "`--sign-in device-code` asks for exactly those; `rollcall setup doctor` says which are missing"
)
_BY_WORK = {
    "granting": "Sign in as a Privileged Role Administrator or Global Administrator, with the permissions "
    "AppRoleAssignment.ReadWrite.All and Application.Read.All",
    "agents": "Reading them needs OnPremisesPublishingProfiles.ReadWrite.All",
    "custom": "The mappings hold custom security attributes: that needs CustomSecAttributeProvisioning.ReadWrite.All",
}

_BUSY = "Graph is busy: run the command again later, it goes on where it stopped"
_REMEDIES = {
    401: f"The synchronization part of Graph also answers 401 where a permission is missing. {_MISSING}",
    404: "It may have been deleted, or belong to another tenant than the one you are signed in to",
    409: "Somebody or something changed it at the same time: run the command again",
    429: _BUSY,
    503: _BUSY,
}


@dataclass(frozen=True)
class GraphSetUp:
    """Graph, as the person who is signed in may use it. `say` gets a line whenever something is waited for."""

    client: GraphClient
    origin: str  # such as https://graph.microsoft.com
    say: Callable[[str], None]
    _fresh: set[str] = field(default_factory=set)

    def expect(self, identity: str) -> None:
        """This object was just made: until Entra knows it everywhere, a 404 about it is waited out."""
        self._fresh.add(identity)

    def get(self, path: str, doing: str, headers: Mapping[str, str] | None = None) -> Json:
        """Read an object. Raises GraphError, also where it is no object: empty does not say that nothing is there."""
        reply, body = self._asked("GET", path, doing, None, headers)
        return object_in(body, reply, doing)

    def send(self, method: str, path: str, body: Any, doing: str) -> Json:
        """Write. Raises GraphError; Unreachable when nobody knows whether it was taken."""
        reply, answer = self._asked(method, path, doing, body)
        return object_in(answer, reply, doing) if answer else {}

    def raw(self, path: str, doing: str) -> bytes:
        """Read, byte for byte. Raises GraphError."""
        return self._asked("GET", path, doing)[1]

    def _asked(
        self, method: str, path: str, doing: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[Reply, bytes]:
        url = path if path.startswith("http") else f"{self.origin}{path}"
        content = None if body is None else msgspec.json.encode(body)
        carried = {**({} if content is None else {"Content-Type": "application/json"}), **(headers or {})}
        patience = _OF_A_POST if method == "POST" else _PATIENCE

        def waiting(reply: Reply, seconds: float) -> None:
            self.say(f"{doing}: {_why(reply)}; going on in {seconds:.0f} s")

        waited = 0.0
        while True:
            reply, answer = self.client.answer(method, url, patience, content=content, headers=carried, waiting=waiting)
            if reply.verdict is Verdict.ACCEPTED:
                return reply, answer
            is_new = reply.status == 404 and any(identity in url for identity in self._fresh)
            if not is_new or waited >= REPLICATION_SECONDS:
                raise reply.error(_said(doing, reply))
            self.say(f"{doing}: Entra does not know the new app everywhere yet ({waited:.0f} s waited)")
            self.client.clock.sleep(REPLICATION_PAUSE)
            waited += REPLICATION_PAUSE


def _why(reply: Reply) -> str:
    if reply.status == 429:
        return "Graph asks for a pause (429)"
    return f"Graph answered {reply.status}" if reply.status else "no answer from Graph"


def _said(doing: str, reply: Reply) -> str:
    if not reply.left and reply.status == 401:
        why = reply.message or reply.code
        return f"signing in did not work: {why}; run `az login`, or use --sign-in device-code"
    if reply.status == 0:
        return f"{doing}: no answer from Graph; whether it was done is not known. Run the command again"
    remedy = _remedy(doing, reply)
    said = f"{doing} did not work: Graph answered {reply.told}{': ' + reply.message if reply.message else ''}"
    return f"{said}. {remedy}" if remedy else said


def _remedy(doing: str, reply: Reply) -> str:
    """What to do about an answer to what was being done; "" where there is nothing to say beyond its own text."""
    text = f"{reply.code} {reply.message}".casefold()
    if reply.status == 403:
        work = "custom" if "custom" in text else next((word for word in _BY_WORK if word in doing), "")
        return _BY_WORK.get(work, _MISSING)
    if reply.status == 404 and "syncfabric" in text:
        return "The provisioning service does not know this call; nothing was changed"
    if reply.status == 400 and "does not match schema" in text:
        return "A mapping's expression is not in the form that Entra keeps; nothing was changed"
    return _REMEDIES.get(reply.status, "")
