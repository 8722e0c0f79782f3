"""A desk whose alerts go out: Teams, Slack and a webhook that take what they get, or are down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from tests.support.clock import FakeClock
from tests.support.desk import Desk, Directory
from tests.support.graph import Identity
from tests.support.house import rollcall

HOOKS = {
    "ALERT_TEAMS_URL": "https://teams.example/x",
    "ALERT_SLACK_URL": "https://slack.example/x",
    "ALERT_WEBHOOK_URL": "https://hook.example/x",
    "ALERT_WEBHOOK_KEY": "a key",
    "CONSOLE_URL": "https://rollcall.contoso.example/",
}


class Hooked(Directory):
    """A Graph, and what stands at the channels' addresses. `down` names hosts that answer 503."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.down: set[str] = set()
        self.heard: dict[str, list[Any]] = {}  # by host

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if not host.endswith(".example"):
            return super().handle_request(request)
        request.read()
        if host in self.down:
            return httpx.Response(503, request=request)
        self.heard.setdefault(host, []).append(json.loads(request.content))
        return httpx.Response(202, request=request)


def hooked(folder: Path, more: str = "", **settings: str) -> tuple[Desk, Hooked]:
    """A desk with a feed, and its channels."""
    clock = FakeClock()
    graph = Hooked(clock)
    made = Desk(rollcall(folder, graph, clock, Identity(clock), **(HOOKS | settings)), graph, clock)
    made.source(more)
    return made, graph
