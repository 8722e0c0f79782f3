"""The log of the host on this machine, which sets no level of its own: what the app writes while it really works."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from emulator.feed import Feed, employees, encoded
from emulator.npm import NotInstalled
from emulator.stack import Stack, Wanted
from shared.model.runs import RunState
from tests.support.log_net import LogNet, of_file, of_settings

SECONDS = 90
STATES = ("WorkerStatus", "WorkerType", "CountryCode", "HireDate")  # columns whose cells are words of every log
REQUESTS = re.compile(r"HTTP Request: |Request URL: |Request method: ")


class _Taker(BaseHTTPRequestHandler):
    """A channel that takes what it gets."""

    def do_POST(self) -> None:
        self.server.heard.append(self.rfile.read(int(self.headers["Content-Length"])))  # type: ignore[attr-defined]
        self.send_response(202)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def channels() -> Iterator[tuple[dict[str, str], list[bytes]]]:
    """Settings of one channel that takes alerts and of two that fail, and what was heard."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
    heard: list[bytes] = []
    server.heard = heard  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = f"http://127.0.0.1:{server.server_port}"
    try:
        yield (
            {
                "ALERT_WEBHOOK_URL": f"{at}/in/w3bh00kS3cret?code=0urC0de4711",
                "ALERT_WEBHOOK_KEY": "the-key-that-signs-hooks",
                "ALERT_SLACK_URL": "http://127.0.0.1:9/services/T0MB5T0N3/Xsl4ckS3cr3t",  # nothing listens there
                "ALERT_TEAMS_URL": f"{at.replace('http', 'https')}/workflows/1f2e3d4c5b6a?sig=Qm9ndXNTaWduYXR1cmU",
            },
            heard,
        )
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def stack_with(root: Path, settings: dict[str, str]) -> Iterator[Stack]:
    """The whole cloud with these settings, where Azurite is installed."""
    with ExitStack() as held:
        try:
            stack = held.enter_context(Stack(Wanted(root / "sources", only="employees", settings=settings), os.environ))
        except NotInstalled as error:
            pytest.skip(str(error))
        yield stack


def until(is_so: Callable[[], bool], what: Callable[[], object]) -> None:
    """Wait for it; `what` is shown where it does not come."""
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end, what()
        time.sleep(0.2)


def test_a_day_on_the_real_worker_leaves_no_secret_and_no_person_in_the_log_of_the_host(root: Path) -> None:
    feed = b"".join(encoded(employees(Feed(people=60, day=1, clean=True))))
    with channels() as (settings, heard), stack_with(root, settings) as stack:
        drops, ledger = stack.house.storage.drops, stack.house.ledger
        for name, content, state in (
            ("monday.csv", feed, RunState.SETTLED),
            ("broken.csv", b"other,columns\n1,2\n", RunState.REJECTED),
        ):
            with drops.writer(f"employees/{name}") as file:
                file.write(content)
            until(lambda state=state: state in {run.state for run in ledger.runs()}, ledger.runs)  # type: ignore[misc]
        until(lambda: bool(heard), ledger.runs)
        look(stack, feed)
        assert stack.host is not None
        text = stack.host.log.read_text(encoding="utf-8")
        secrets = of_settings(stack.settings)
    net = LogNet(of_file(feed, leave_out=STATES) | secrets)
    for line in text.splitlines():
        net.look(line, "host.log")
    assert net.caught == []
    assert not REQUESTS.search(text)
    told = {json.loads(found)["event"] for found in re.findall(r'\{"event".*\}', text)}
    assert {"drop_planned", "runs_sent", "logs_collected", "alerts_raised", "swept", "alert_raised"} <= told


def look(stack: Stack, feed: bytes) -> None:
    """A person opens the console and looks up another."""
    with httpx.Client(follow_redirects=True, trust_env=False) as browser:
        page = browser.get(stack.console)
        assert page.status_code == 200
        base = stack.console.partition("/enter")[0]
        form = browser.get(f"{base}/people").text
        csrf = form.partition('name="csrf" value="')[2].partition('"')[0]
        key = feed.decode("utf-8-sig").splitlines()[1].split(",")[0]
        shown = browser.post(
            f"{base}/people",
            data={"source": "employees", "key": key, "csrf": csrf},
            headers={"Origin": base[: base.index("/api")]},
        )
        assert shown.status_code == 200
        assert browser.get(f"{base}/alerts").status_code == 200
