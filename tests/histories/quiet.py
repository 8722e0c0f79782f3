"""The end of a history: faults and stops end, everything that waits is decided, sent, processed and answered.

Then the last file of each source is dropped once more (as often as the grace of absence asks for), and all of it
happens again. Whatever is lost would show now; a person in doubt may be sent by this last drop.
"""

from __future__ import annotations

from tests.histories.actions import SOURCES
from tests.histories.world import HELD, World

ROUNDS = 60
LONGEST = 4 * 3600  # seconds between two rounds where nothing moves


def comes_to_rest(world: World) -> None:
    """Everything ends, and the last files are dropped once more."""
    world.calm()
    for source in ("", *SOURCES):
        world.resume(source)
    if world.setup.restores:
        world.put_back()
    world.clock.advance(seconds=120)
    _until_all_is_over(world)
    world.tenant.cycle()
    world.tenant.cycle()
    for number in range(max(config.grace for config in world.configs.values())):
        for source in SOURCES:
            _drop_again(world, source, number)
        _until_all_is_over(world)
    world.tenant.cycle()
    world.restless += [f"{run.run_id} is {run.state}" for run in world.unfinished()]


def _drop_again(world: World, source: str, number: int) -> None:
    file = world.feeds[source].again()
    if file is not None and number < world.configs[source].grace:
        path = world.put(source, file, same_name=False)
        world.deliver(path, 0, None)


def _until_all_is_over(world: World) -> None:
    """Ticks of every timer until every run has come to its end; bounded, since nothing may wait for ever."""
    wait = 240
    for _ in range(ROUNDS):
        before = [(run.run_id, run.state) for run in world.runs()]
        _round(world, wait)
        if world.is_finished():
            return
        moved = before != [(run.run_id, run.state) for run in world.runs()]
        wait = 240 if moved else min(2 * wait, LONGEST)


def _round(world: World, wait: int) -> None:
    world.step(0, None, lambda house: house.sweep())
    for run in world.runs(HELD):
        is_wanted = world.setup.releases_at_end and not world.is_older_than_sent(run)
        if not is_wanted:
            world.decide("cancel", run)
        elif not world.decide("approve", run) and not world.decide("replan", run):
            world.decide("cancel", run)  # the source file has changed, or the plan
    world.follow_reasons()
    world.step(0, None, lambda house: house.send_runs())
    world.tenant.cycle()
    world.clock.advance(seconds=wait)
    world.step(0, None, lambda house: house.collect_logs())
