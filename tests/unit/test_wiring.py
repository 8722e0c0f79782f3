"""The rooms of the house: built once, when they are first used, and nothing is loaded for those that are not."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.support.house import environment, scripted

ACT = """
import json, sys
import function_app
assert "shared.wiring" not in sys.modules
from shared.adapters.clock import SystemClock
from shared.adapters.storage import twins
from shared.adapters.tokens import Tokens
from shared.settings import Settings
from shared.wiring import assemble

clock = SystemClock()
settings = Settings.read(json.loads(sys.argv[1]))
house = assemble(settings, twins(), lambda: 1 / 0, Tokens(lambda: 1 / 0, clock.now), clock, lambda: 0.5)
house.{act}()
print(*sorted(sys.modules))
"""


def test_a_room_is_built_once_whoever_comes(tmp_path: Path) -> None:
    made: list[httpx.Client] = []
    used: list[httpx.Client] = []
    comes = threading.Barrier(4)

    def connect() -> httpx.Client:
        made.append(httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(202))))
        threading.Event().wait(0.05)  # time for the others to come
        return made[-1]

    house = replace(scripted(tmp_path).rollcall.house, connect=connect)

    def use() -> None:
        comes.wait()
        used.append(house.client)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert used == made * 4


@pytest.mark.parametrize("act", ["health", "send_runs", "sweep"])
def test_a_call_that_has_nothing_to_tell_connects_nowhere_and_asks_for_no_token(root: Path, act: str) -> None:
    assert "shared.adapters.sign_in" not in loads(root, act)


def test_sending_loads_no_pages_and_no_alerts(root: Path) -> None:
    loaded = loads(root, "send_runs")
    assert "shared.sending.flight" in loaded
    for story in ("shared.reporting", "shared.alerting.rules", "shared.collecting.collect_logs", "jinja2"):
        assert not [name for name in loaded if name.startswith(story)], story


def loads(root: Path, act: str) -> list[str]:
    """The modules that are loaded when a first call has ended. It fails when the call connects."""
    command = [sys.executable, "-c", ACT.replace("{act}", act), json.dumps(environment())]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()
