"""Who may see the console, and who may decide. Enters: a request. Leaves: a principal, or a refusal. Pure.

In Azure: App Service authentication signs people in and puts who they are into `X-MS-CLIENT-PRINCIPAL`. The platform
takes that header away from what comes from outside, so it is believed where the platform says that it does so
(`WEBSITE_AUTH_ENABLED`), and nowhere else: without it anybody could write the header.
On a laptop: a token that `rollcall up` prints opens the console once, and becomes a session cookie.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from shared.console.exchange import Request, Response, see_other

READER, OPERATOR = "Rollcall.Reader", "Rollcall.Operator"
PRINCIPAL_HEADER = "x-ms-client-principal"
COOKIE = "rollcall_session"
SESSION = timedelta(hours=12)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ID_CLAIMS = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid")
_NAME_CLAIMS = ("preferred_username", "name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress")


@dataclass(frozen=True)
class Principal:
    """Who asks. `session` is what the tokens of their forms are bound to."""

    id: str
    name: str
    roles: frozenset[str]
    session: str

    @property
    def may_read(self) -> bool:
        """Whether the pages are for them."""
        return bool(self.roles & {READER, OPERATOR})

    @property
    def may_decide(self) -> bool:
        """Whether they may approve and cancel."""
        return OPERATOR in self.roles

    @property
    def signature(self) -> str:
        """How a decision is signed."""
        return self.name if self.name == self.id or not self.id else f"{self.name} ({self.id})"


@dataclass(frozen=True)
class Refusal:
    """Why not: a status, and a sentence for the person."""

    status: int
    text: str


@dataclass(frozen=True)
class Door:
    """Decides who may enter. Without `platform` and without `token` nobody may."""

    platform: bool  # the platform sets the principal's header, and takes it away from outside
    token: str  # the one-time token of a laptop, "" elsewhere
    key: Callable[[], bytes]  # a secret of this installation
    spend: Callable[[str], bool]  # whether this is the first use of what is named by this text
    now: Callable[[], datetime]

    def who(self, request: Request) -> Principal | Refusal:
        """The principal of a request."""
        if self.platform:
            return _platform_principal(request)
        if not self.token:
            return Refusal(401, "Nobody can sign in here: App Service authentication is not switched on.")
        if not _asked_of_loopback(request):
            return Refusal(403, "This console is for this machine only.")
        cookie = request.cookies.get(COOKIE, "")
        if self._is_session(cookie):
            return Principal("", "the operator of this machine", frozenset({OPERATOR}), cookie)
        return Refusal(401, "Sign in with the token that `rollcall up` has printed.")

    def enter(self, request: Request, given: str) -> Response | Refusal:
        """Exchange the one-time token for a session."""
        if self.platform or not self.token:
            return Refusal(404, "There is no token to sign in with here.")
        if not _asked_of_loopback(request):
            return Refusal(403, "This console is for this machine only.")
        right = hmac.compare_digest(given.encode(), self.token.encode())
        if not right or not self.spend(hashlib.sha256(self.token.encode()).hexdigest()):
            return Refusal(
                401, "This token is not valid, or it was used already. Start `rollcall up` again for another."
            )
        secure = "; Secure" if request.secure else ""
        # A browser needs no domain. But where it is not named, the Functions host writes an empty one, and clients
        # that are no browsers refuse such a cookie
        host = _asked_host(request)
        domain = f"[{host}]" if ":" in host else host
        session = f"{COOKIE}={self._new_session()}; Domain={domain}; Path={request.base}"
        cookie = f"{session}; HttpOnly; SameSite=Strict{secure}"
        return see_other(f"{request.base}/", ("Set-Cookie", cookie))

    def form_token(self, principal: Principal) -> str:
        """What a form of this principal must bring back."""
        return self._mac(f"form|{principal.session}")

    def accepts(self, request: Request, principal: Principal) -> Refusal | None:
        """Why a posted form is not taken: it does not come from our pages, or not from this principal's."""
        if not comes_from_us(request):
            return Refusal(
                403, "This form does not come from the console. Open the page again, and send it from there."
            )
        if not hmac.compare_digest(request.form.get("csrf", "").encode(), self.form_token(principal).encode()):
            return Refusal(403, "This page is from another session. Open it again, and send the form once more.")
        return None

    def _new_session(self) -> str:
        issued = str(int(self.now().timestamp()))
        return f"{issued}.{self._mac(f'session|{self.token}|{issued}')}"

    def _is_session(self, cookie: str) -> bool:
        issued, _, mac = cookie.partition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(f"session|{self.token}|{issued}").encode()):
            return False
        return issued.isdigit() and datetime.fromtimestamp(int(issued), UTC) + SESSION > self.now()

    def _mac(self, text: str) -> str:
        return hmac.new(self.key(), text.encode(), hashlib.sha256).hexdigest()


def may_see_settings(request: Request, environ: Mapping[str, str]) -> bool:
    """Whether the names of faulty settings are shown to who asks, where the app cannot start: those whom the platform
    signs in with a role; on a laptop, this machine.
    """
    if environ.get("WEBSITE_AUTH_ENABLED", "").casefold() == "true":
        return isinstance(_platform_principal(request), Principal)
    return "WEBSITE_SITE_NAME" not in environ and _asked_of_loopback(request)


def comes_from_us(request: Request) -> bool:
    """Whether a browser says that the request was made by a page of this very origin.

    `Sec-Fetch-Site` says so where a browser sends it. With `Referrer-Policy: no-referrer` it sends `Origin: null`, so
    an origin counts only where it is told.
    """
    site, origin = request.headers.get("sec-fetch-site", ""), request.headers.get("origin", "")
    told = origin not in ("", "null")
    ours = told and origin.partition("://")[2].casefold() == request.headers.get("host", "").casefold()
    if site:
        return site == "same-origin" and (ours or not told)
    return ours


def _asked_of_loopback(request: Request) -> bool:
    """Whether the browser asked for this machine by one of its own names, and not by one that somebody pointed here."""
    return _asked_host(request) in _LOOPBACK


def _asked_host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _platform_principal(request: Request) -> Principal | Refusal:
    header = request.headers.get(PRINCIPAL_HEADER, "")
    if not header:
        return Refusal(401, "Sign in first.")
    try:
        told = msgspec.json.decode(base64.b64decode(header, validate=True))
    except (ValueError, binascii.Error, msgspec.DecodeError):
        return Refusal(401, "The platform's word about who you are cannot be read. Sign in again.")
    principal = _principal(told if isinstance(told, dict) else {})
    if not principal.id:
        return Refusal(401, "The platform does not say who you are. Sign in again.")
    if not principal.may_read:
        return Refusal(
            403, f"{principal.name} has neither the role {READER} nor {OPERATOR}. Ask an administrator for one."
        )
    return principal


def _principal(told: Mapping[str, Any]) -> Principal:
    claims = [claim for claim in told.get("claims") or () if isinstance(claim, dict)]

    def first(*kinds: str) -> str:
        return next((str(each.get("val", "")) for kind in kinds for each in claims if each.get("typ") == kind), "")

    role_kinds = {str(told.get("role_typ") or "roles"), "roles"}
    roles = frozenset(str(each.get("val", "")) for each in claims if each.get("typ") in role_kinds)
    identity = first(*_ID_CLAIMS)
    name = first(*_NAME_CLAIMS, str(told.get("name_typ") or "name"))
    return Principal(identity, name or identity, roles, identity)
