"""A request and a response of the console, as values. Enters: what the trigger was handed. Leaves: an answer. Pure.

Every response carries the headers that keep a page to itself: nothing is cached, framed or loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 50
HTML, CSS = "text/html; charset=utf-8", "text/css; charset=utf-8"
SCRIPT, SVG = "text/javascript; charset=utf-8", "image/svg+xml"
# `connect-src` is for the script that follows a run: it reads the same page again
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Robots-Tag", "noindex"),
)


@dataclass(frozen=True)
class Request:
    """What a browser asked for. `path` is below the console, without a slash in front; `base` is the console's."""

    method: str
    path: str
    base: str = "/api/console"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    secure: bool = False  # came over https

    @property
    def form(self) -> dict[str, str]:
        """The fields of a posted form; empty where the body is none, or too large."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != FORM or len(self.body) > MAX_FORM_BYTES:
            return {}
        try:
            pairs = parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            return {}
        return dict(pairs)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that came with it."""
        pairs = (part.partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name.strip(): value.strip() for name, equals, value in pairs if equals}


@dataclass(frozen=True)
class Response:
    """What is answered. `headers` come on top of those every response has."""

    body: bytes = b""
    status: int = 200
    media_type: str = HTML
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def all_headers(self) -> tuple[tuple[str, str], ...]:
        """Every header but the content type."""
        return (*HEADERS, *self.headers)


def see_other(address: str, *headers: tuple[str, str]) -> Response:
    """Go and look there, with GET: what follows a form that was taken."""
    return Response(status=303, headers=(("Location", address), *headers))


def attachment(body: bytes, media_type: str, name: str) -> Response:
    """A file to be saved, never to be shown in the page."""
    return Response(body, 200, media_type, (("Content-Disposition", f'attachment; filename="{name}"'),))
