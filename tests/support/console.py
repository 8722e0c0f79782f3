"""Somebody who asks the console, without a browser: pages, forms and what stands in them."""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from shared.app import House
from shared.console.console import answer
from shared.console.exchange import FORM, Request, Response

BASE = "/api/console"
HOST = "127.0.0.1:7071"
OBJECT_ID = "0f1e2d3c-0000-4000-8000-000000000001"
ORIGIN = {"sec-fetch-site": "same-origin", "origin": "null"}  # what Chromium sends with `no-referrer`


def principal(*roles: str, name: str = "anna@contoso.com", **more: object) -> str:
    """The header that App Service authentication writes."""
    claims = [
        {"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": OBJECT_ID},
        {"typ": "preferred_username", "val": name},
        *({"typ": "roles", "val": role} for role in roles),
    ]
    told = {"auth_typ": "aad", "claims": claims, "name_typ": "preferred_username", "role_typ": "roles", **more}
    return base64.b64encode(json.dumps(told).encode()).decode()


@dataclass
class Visitor:
    """A visitor with headers of their own. `posts` bring what a browser brings, unless told otherwise."""

    house: House
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> Response:
        """Ask for a page."""
        return self.ask(Request("GET", path, BASE, query, {"host": HOST, **self.headers}))

    def post(self, path: str, csrf: str | None = None, origin: dict[str, str] = ORIGIN, **fields: str) -> Response:
        """Send a form; its token is taken from a page, unless another one is given."""
        token = self.csrf() if csrf is None else csrf
        body = urlencode({**fields, "csrf": token}).encode()
        headers = {"host": HOST, "content-type": FORM, **origin, **self.headers}
        return self.ask(Request("POST", path, BASE, {}, headers, body))

    def ask(self, request: Request) -> Response:
        """Any request."""
        return answer(self.house.console, request)

    def csrf(self) -> str:
        """The token in the forms of this visitor's pages."""
        found = re.search(r'name="csrf" value="(\w+)"', text(self.get("people")))
        return found[1] if found else ""

    def signed_in(self, token: str) -> Visitor:
        """The visitor after the one-time token was exchanged."""
        response = self.get("enter", token=token)
        assert response.status == 303, text(response)
        cookie = dict(response.headers)["Set-Cookie"].partition(";")[0]
        return replace(self, headers={**self.headers, "cookie": cookie})


def text(response: Response) -> str:
    """The page."""
    return response.body.decode()


def words(response: Response) -> str:
    """What a person reads on the page: no tags, one blank between words."""
    plain = re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<style>.*?</style>", "", text(response)))
    return " ".join(html.unescape(plain).split())
