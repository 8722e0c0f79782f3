"""How the app is wired: each port leads where it should, and parts are built once, when they are first used."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import fields, replace
from datetime import timedelta
from operator import attrgetter
from pathlib import Path

import httpx
import pytest

from shared.model.limits import LOG_CALLS, LOG_WINDOW, UPLOAD_CALLS, UPLOAD_WINDOW
from shared.stores.table import Query
from tests.support.desk import people
from tests.support.graph import JOB, entry
from tests.support.hooks import hooked
from tests.support.house import environment, scripted

ACT = """
import json, sys
import function_app
assert "shared.app" not in sys.modules
from shared.clock import SystemClock
from shared.stores.storage import twins
from shared.graph.tokens import Tokens
from shared.settings import Settings
from shared.app import assemble

clock = SystemClock()
settings = Settings.read(json.loads(sys.argv[1]))
house = assemble(settings, twins(), lambda: 1 / 0, Tokens(lambda: 1 / 0, clock.now), clock, lambda: 0.5)
house.{act}()
print(*sorted(sys.modules))
"""


def test_a_part_is_built_once_however_many_ask(tmp_path: Path) -> None:
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
    assert "shared.graph.sign_in" not in loads(root, act)


def test_sending_loads_no_pages(root: Path) -> None:
    loaded = loads(root, "send_runs")
    assert "shared.sending.flight" in loaded
    for story in ("shared.console", "jinja2"):
        assert not [name for name in loaded if name.startswith(story)], story


def test_health_loads_no_http(root: Path) -> None:
    assert "httpx" not in loads(root, "health")


def loads(root: Path, act: str) -> list[str]:
    """The modules that are loaded when a first call has ended. It fails when the call connects."""
    command = [sys.executable, "-c", ACT.replace("{act}", act), json.dumps(environment())]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


# Each port of a step, and where in the app it leads. What is built for the step alone is looked at by other tests.
PORTS: dict[str, dict[str, str]] = {
    "planner": {
        "ledger": "ledger",
        "artefacts": "files",
        "people": "people",
        "source": "endpoints.source",
        "drop": "storage.drops.drop",
        "versions": "storage.drops.versions",
        "now": "clock.now",
        "elapsed": "clock.elapsed",
    },
    "sender": {
        "ledger": "ledger",
        "artefacts": "files",
        "upload.client": "graph",
        "clock": "clock",
        "endpoint_of": "endpoints.of",
        "source_of": "endpoints.today",
        "random": "chance",
        "people": "people",
        "stops": "stops",
    },
    "collector": {
        "ledger": "ledger",
        "artefacts": "files",
        "store": "log",
        "checkpoints": "checkpoints",
        "outcomes": "outcomes",
        "people": "people",
        "endpoints": "endpoints.all",
        "now": "clock.now",
        "job": "job.read",
    },
    "retention": {
        "ledger": "ledger",
        "log": "log",
        "outcomes": "outcomes",
        "drops": "storage.drops.versions",
        "delete_drop": "storage.drops.delete_version",
        "now": "clock.now",
        "calls": "quotas.forget",
        "alerts": "alerts.forget",
    },
    "watcher": {
        "ledger": "ledger",
        "artefacts": "files",
        "sources": "sources.sources",
        "source_faults": "sources.faults",
        "endpoints": "endpoints.all",
        "job": "job.read",
        "checkpoint": "checkpoints.get",
        "unrecognised": "checkpoints.unrecognised",
        "log_fault": "checkpoints.last_fault",
        "log_gaps": "checkpoints.gaps",
        "budget": "budget",
        "now": "clock.now",
        "stops": "stops",
        "damages": "damages.found",
    },
}
OF_ITS_OWN = {
    "planner": {"nulls_flow", "claim", "tell"},
    "sender": {"pacer", "lease", "quota", "new_id", "kept", "concurrency", "budget", "entra"},
    "collector": {"log", "new_id", "reach", "outcome_wait", "lost"},
    "retention": {"kept", "most"},
    "watcher": {"setting_faults", "unread_since"},
}


@pytest.mark.parametrize("step", PORTS)
def test_each_port_leads_where_it_should(tmp_path: Path, step: str) -> None:
    house = scripted(tmp_path).rollcall.house
    part = getattr(house, step)
    for port, place in PORTS[step].items():
        assert attrgetter(port)(part) == attrgetter(place)(house), port
    named = {port.partition(".")[0] for port in PORTS[step]} | OF_ITS_OWN[step]
    assert named == {field.name for field in fields(part)}


def test_what_a_step_is_given_of_its_own(tmp_path: Path) -> None:
    """The sender holds the lease of this state, one at a time; names differ; damage of outcomes is what was lost."""
    house = scripted(tmp_path).rollcall.house
    sender, collector = house.sender, house.collector
    held = sender.lease()
    assert held is not None
    assert sender.lease() is None
    held.release()
    assert sender.new_id() != sender.new_id() != collector.new_id()
    assert set(collector.lost()) == set()
    assert "schema" in house.planner.nulls_flow("employees")  # of the job, which this Graph does not hold


SECONDS = {"PLAN_CLAIM_SECONDS": 1_001, "SEND_SECONDS": 102, "LOG_LAG_SECONDS": 103, "LOG_OVERLAP_SECONDS": 1_004}
OTHERS = {"OUTCOME_WAIT_MINUTES": 105, "RETENTION_DAYS": 106, "SEND_CONCURRENCY": 7, "DAILY_CALLS": 108}
SET = {name: str(value) for name, value in {**SECONDS, **OTHERS, "LEAVERS_CALLS": 9}.items()}


def test_each_setting_goes_where_it_belongs(tmp_path: Path) -> None:
    """Each has a value of its own, so that no two can change places."""
    house = scripted(tmp_path, **SET).rollcall.house
    sender, collector = house.sender, house.collector
    assert house.planner.claim == timedelta(seconds=1_001)
    assert (sender.budget, sender.kept, sender.concurrency) == (timedelta(seconds=102), timedelta(days=106), 7)
    assert (collector.reach.lag, collector.reach.overlap) == (timedelta(seconds=103), timedelta(seconds=1_004))
    assert collector.outcome_wait == timedelta(minutes=105)
    assert house.retention.kept == timedelta(days=106)
    assert (house.budget().limit, house.budget().kept_for_leavers) == (108, 9)


def test_calls_of_the_log_and_uploads_are_paced_by_their_own_limits(tmp_path: Path) -> None:
    """So many calls at once, and the next one when the window has passed."""
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    house = sending.rollcall.house
    sending.rollcall.drop(50 * (UPLOAD_CALLS + 1))
    begun = sending.clock.now()
    house.send_runs()
    times = [call.at - begun for call in sending.graph.calls]
    assert (times[UPLOAD_CALLS - 1], times[UPLOAD_CALLS] >= UPLOAD_WINDOW) == (timedelta(), True)
    sending.graph.log = [entry(f"p{number:05d}", begun) for number in range(LOG_CALLS + 1)]
    sending.graph.page_size = 1
    sending.clock.advance(minutes=10)
    begun = sending.clock.now()
    house.collect_logs()
    waited = sending.clock.now() - begun
    assert LOG_WINDOW <= waited < 2 * LOG_WINDOW


def test_each_store_writes_to_its_own_table(tmp_path: Path) -> None:
    made, _ = hooked(tmp_path / "sources")
    run = made.settle(made.sent(people(3)), failed=["p0001"])
    made.rollcall.house.raise_alerts()
    storage = made.rollcall.house.storage
    partitions = {
        name: {str(row.entity["PartitionKey"]) for row in table.rows(Query())}
        for name, table in vars(storage).items()
        if name.endswith("_table")
    }
    assert partitions["runs_table"] == {"employees"}
    assert partitions["chunks_table"] == {run.run_id}
    assert partitions["quota_table"] == {"calls"}
    assert partitions["alerts_table"] == {"open"}
    assert all(JOB in each for each in partitions["logs_table"] - {"~days"})
    assert len(partitions["logs_table"]) > 1
    assert partitions["outcomes_table"] == {f"{run.run_id}_people"}
    assert partitions["checkpoints_table"] == {"log", "reading"}
    assert not partitions["old_runs_table"] | partitions["old_chunks_table"]
    assert {each.path.partition("/")[0] for each in storage.drops.versions()} == {"employees"}
    names = {each.path.rpartition("/")[2] for each in storage.runs.versions()}
    assert {"plan.json", "people.csv", "outcome.csv"} <= names
    assert "known-people/employees.db" in {each.path for each in storage.state.versions()}
