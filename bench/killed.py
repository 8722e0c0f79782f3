"""A planner that is killed: the functions host ends by SIGKILL while it plans, another one starts at once, and the drop
is planned. With the schedules and the claim of a deployment; storage in Azurite. Beside it: a host that starts and
plans the same drop undisturbed.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.feeds import SOURCE, drop_file
from bench.figures import Figure, Options
from emulator.processes import ROOT
from emulator.stack import Stack, Wanted
from shared.model.runs import Run, RunState

GOAL = 120.0  # seconds
KILLED_AFTER = 1.0  # seconds of planning
LOOK = 60.0  # seconds between two ticks of sending in a deployment
_SETTINGS = ("SEND_SCHEDULE", "PLAN_CLAIM_SECONDS")
_NEVER = {f"{name}_SCHEDULE": "0 0 0 29 2 *" for name in ("SWEEP", "COLLECT", "ALERT")}
_LOOK_EVERY = 0.05
_PATIENCE = 400.0
_PLANNED = (RunState.PLANNED, RunState.HELD, RunState.SENDING, RunState.SENT)


@dataclass(frozen=True)
class Found:
    """How the drop was planned after all."""

    run: Run
    seconds: float  # from the kill until it was planned
    restarted: float  # of these, until the other host was up


def measure(options: Options) -> Iterator[Figure]:
    """One row of the table."""
    drop, settings = drop_file(options.folder, options.people), as_deployed()
    floor, planning = plan_undisturbed(drop, settings)
    after = min(KILLED_AFTER, planning / 2)
    found = kill_while_planning(drop, settings, after)
    claim = float(settings["PLAN_CLAIM_SECONDS"])
    yield Figure(
        f"a planner of {options.people:,} people killed after {after:.1f} s, until another has planned them",
        found.seconds / floor, f"<= {GOAL / floor:.1f} (two minutes)", found.seconds <= GOAL,
        f"a host that starts and plans them took {floor:.1f} s",
        f"{found.seconds:.1f} s; the next host was up after {found.restarted:.1f} s; at the worst, with a claim of "
        f"{claim:.0f} s and a look every minute, {claim + LOOK + floor:.0f} s",
    )  # fmt: skip


def as_deployed() -> dict[str, str]:
    """The settings of a deployment that say how soon a lost planner is noticed."""
    settings = msgspec.json.decode((ROOT / "infra" / "app-settings.json").read_bytes())
    return {name: str(settings[name]) for name in _SETTINGS}


def plan_undisturbed(drop: Path, settings: Mapping[str, str], patience: float = _PATIENCE) -> tuple[float, float]:
    """The seconds from the start of a host, which finds the drop, until it is planned; of these, those of planning."""
    with _stack(drop, settings) as stack:
        began = time.monotonic()
        stack.start_host()
        run = _wait(stack, patience, *_PLANNED)
        seconds = time.monotonic() - began
        assert run.planning_at is not None
        assert run.planned_at is not None
        return seconds, (run.planned_at - run.planning_at).total_seconds()


def kill_while_planning(
    drop: Path, settings: Mapping[str, str], after: float = KILLED_AFTER, patience: float = _PATIENCE
) -> Found:
    """Kill a host (with its worker) `after` seconds of planning, start another at once, wait until the drop is planned.

    No sweep comes. Raises TimeoutError after `patience` seconds, RuntimeError where planning was over before the kill.
    """
    with _stack(drop, settings) as stack:
        host = stack.start_host()
        _wait(stack, patience, RunState.PLANNING)
        time.sleep(after)
        host.kill()
        killed = time.monotonic()
        if (state := stack.house.ledger.runs("employees")[0].state) is not RunState.PLANNING:
            raise RuntimeError(f"the run was {state} before the host was killed")
        stack.start_host()
        restarted = time.monotonic() - killed
        run = _wait(stack, patience, *_PLANNED)
        return Found(run, time.monotonic() - killed, restarted)


@contextmanager
def _stack(drop: Path, settings: Mapping[str, str]) -> Iterator[Stack]:
    """Storage with the drop, and Entra; no host yet."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "employees.yaml").write_text(SOURCE, encoding="utf-8")
        wanted = Wanted(Path(folder), settings={**_NEVER, **settings}, host=False)
        with Stack(wanted, os.environ) as stack:
            with stack.house.storage.drops.writer("employees/everybody.csv") as file:
                file.write(drop.read_bytes())
            yield stack


def _wait(stack: Stack, patience: float, *states: RunState) -> Run:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if runs := stack.house.ledger.runs("employees", states):
            return runs[0]
        stack.check()
        time.sleep(_LOOK_EVERY)
    raise TimeoutError(f"no run is {' or '.join(states)}: {[str(run.state) for run in stack.house.ledger.runs()]}")
