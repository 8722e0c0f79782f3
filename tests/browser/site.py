"""The console on a port of this machine: the real pages over twins, and as many feeds, runs and troubles as wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from shared.app import House
from shared.console.console import answer
from shared.console.exchange import Request

BASE = "/api/console"


@dataclass(frozen=True)
class Site:
    """Where the console answers."""

    url: str
    token: str

    @property
    def entrance(self) -> str:
        """The address that `rollcall up` prints."""
        return f"{self.url}/enter?token={self.token}"


@contextmanager
def site(house: House) -> Iterator[Site]:
    """Serve a house's console."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _answer(self, body: bytes) -> None:
            address = urlsplit(self.path)
            if not address.path.startswith(BASE):
                self.send_error(404)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = address.path.removeprefix(BASE).strip("/")
            request = Request(self.command, path, BASE, dict(parse_qsl(address.query)), headers, body)
            response = answer(house.console, request)
            self.send_response(response.status)
            for name, value in (*response.all_headers, ("Content-Type", response.media_type)):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{server.server_address[1]}{BASE}", house.settings.console_token)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
