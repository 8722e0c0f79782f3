"""A planner that is killed: the functions host ends by SIGKILL while it plans, another one starts at once, and the drop
is planned. With the schedules and the claim of a deployment; storage in Azurite.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.feeds import SOURCE, drop_file
from bench.figures import Figure, Options
from local.processes import ROOT
from local.stack import Stack, Wanted
from shared.runs import Run, RunState

GOAL = 120.0  # seconds
KILLED_AFTER = 1.0  # seconds of planning
AS_DEPLOYED = ("SEND_SCHEDULE", "PLAN_CLAIM_SECONDS")
NEVER = {"SWEEP_SCHEDULE": "0 0 0 29 2 *", "COLLECT_SCHEDULE": "0 0 0 29 2 *", "ALERT_SCHEDULE": "0 0 0 29 2 *"}
_LOOK_EVERY = 0.05
_PATIENCE = 400.0


@dataclass(frozen=True)
class Found:
    """How the drop was planned after all."""

    run: Run
    seconds: float  # from the kill until it was planned
    restarted: float  # of these, until the other host was up


def measure(options: Options) -> Iterator[Figure]:
    """One row of the table."""
    settings = msgspec.json.decode((ROOT / "infra" / "app-settings.json").read_bytes())
    wanted = {name: str(settings[name]) for name in AS_DEPLOYED}
    found = kill_while_planning(drop_file(options.folder, options.people), wanted)
    claim = f"a claim of {wanted['PLAN_CLAIM_SECONDS']} s and a look every minute"
    yield Figure(
        f"a planner killed {KILLED_AFTER:.0f} s into {options.people:,} people, until another has planned them",
        found.seconds / GOAL, "<= 1.0", found.seconds <= GOAL, f"two minutes; {claim}",
        f"{found.seconds:.1f} s; the next host was up after {found.restarted:.1f} s",
    )  # fmt: skip


def kill_while_planning(
    drop: Path, settings: Mapping[str, str], after: float = KILLED_AFTER, patience: float = _PATIENCE
) -> Found:
    """Drop a file, kill the host `after` seconds of planning, start it again, and wait until the drop is planned.

    No sweep comes. Raises TimeoutError after `patience` seconds, RuntimeError where planning was over before the kill.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "employees.yaml").write_text(SOURCE, encoding="utf-8")
        with Stack(Wanted(Path(folder), settings={**NEVER, **settings}), os.environ) as stack:
            with stack.house.storage.drops.writer("employees/everybody.csv") as file:
                file.write(drop.read_bytes())
            _wait(stack, patience, RunState.PLANNING)
            time.sleep(after)
            assert stack.host is not None
            stack.host.kill()
            killed = time.monotonic()
            if _run(stack).state is not RunState.PLANNING:
                raise RuntimeError("it was planned before the host was killed")
            stack.start_host()
            restarted = time.monotonic() - killed
            run = _wait(stack, patience, RunState.PLANNED, RunState.HELD, RunState.SENDING, RunState.SENT)
            return Found(run, time.monotonic() - killed, restarted)


def _run(stack: Stack) -> Run:
    return stack.house.ledger.runs("employees")[0]


def _wait(stack: Stack, patience: float, *states: RunState) -> Run:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if runs := stack.house.ledger.runs("employees", states):
            return runs[0]
        stack.check()
        time.sleep(_LOOK_EVERY)
    raise TimeoutError(f"no run is {' or '.join(states)}: {[str(run.state) for run in stack.house.ledger.runs()]}")
