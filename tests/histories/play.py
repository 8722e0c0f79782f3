"""An action acts on the world. What an action does not fit does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch

from tests.histories.actions import (
    Action,
    Admin,
    Approve,
    Cancel,
    Cycle,
    Drop,
    EditSource,
    Fault,
    Follow,
    Meanwhile,
    MoveEndpoint,
    OlderRelease,
    Protect,
    PutBack,
    Redeliver,
    Release,
    Replan,
    Resend,
    Resume,
    Revert,
    Skew,
    Step,
    StopSending,
    Tamper,
    Threshold,
    Turn,
    Wait,
)
from tests.histories.world import HELD, NOT_SENT_YET, ON_THE_WAY, PLANNED_AGAIN, SENT_ONCE, House, Run, World


def play(world: World, action: Action) -> None:
    """Let one action happen. A second passes."""
    world.clock.advance(seconds=1)
    _play(action, world)


def ready(world: World) -> None:
    """Let the world play what happens while a process is suspended."""

    def meanwhile(trouble: Meanwhile, number: int) -> None:
        world.clock.advance(seconds=trouble.pause)
        for action in trouble.actions:
            play(world, _by_the_other(action, number))

    world.act_meanwhile = meanwhile


def _by_the_other(action: Action, number: int) -> Action:
    """An instance that is suspended does nothing: the other one acts."""
    return replace(action, instance=1 - number) if isinstance(action, Drop | Redeliver | Step) else action


@singledispatch
def _play(action: Action, world: World) -> None:
    raise TypeError(action)


@_play.register
def _(action: Drop, world: World) -> None:
    feed = world.feeds[action.source]
    path = world.put(action.source, feed.write(action), same_name=action.same_name or action.kind == "reuploaded")
    for number in range(action.events):
        world.deliver(path, action.instance, None if number else action.trouble)


@_play.register
def _(action: Redeliver, world: World) -> None:
    if world.events:
        world.deliver(world.events[-1 - action.which % len(world.events)], action.instance, None)


_STEPS: dict[str, Callable[[House], object]] = {
    "send": lambda house: house.send_runs(),
    "sweep": lambda house: house.sweep(),
    "collect": lambda house: house.collect_logs(),
    "alerts": lambda house: house.raise_alerts(),
}


@_play.register
def _(action: Step, world: World) -> None:
    world.step(action.instance, action.trouble, _STEPS[action.what])


@_play.register
def _(action: OlderRelease, world: World) -> None:
    if action.what != "plan":
        world.older_step(_STEPS[action.what])
    elif world.events:
        path = world.events[-1]
        world.older_step(lambda house: house.plan_drop(house.storage.drops.drop(path)))


def _chosen(runs: list[Run], which: int) -> Run | None:
    return runs[-1 - which % len(runs)] if runs else None


@_play.register
def _(action: Approve, world: World) -> None:
    held = [run for run in world.runs(HELD) if action.even_older or not world.is_older_than_sent(run)]
    if run := _chosen(held, action.which):
        world.decide("approve", run)


@_play.register
def _(action: Cancel, world: World) -> None:
    if run := _chosen(world.runs(*ON_THE_WAY), action.which):
        world.decide("cancel", run)


@_play.register
def _(action: Replan, world: World) -> None:
    if run := _chosen(world.runs(*PLANNED_AGAIN), action.which):
        world.decide("replan", run)


@_play.register
def _(action: Resend, world: World) -> None:
    if run := _chosen(world.runs(*SENT_ONCE), action.which):
        world.decide("resend", run, action.keys)


@_play.register
def _(action: Revert, world: World) -> None:
    if run := _chosen(world.runs(*SENT_ONCE), action.which):
        world.decide("revert", run, (action.created,))


@_play.register
def _(action: StopSending, world: World) -> None:
    world.stop_sending(action.source)


@_play.register
def _(action: Resume, world: World) -> None:
    world.resume(action.source)


@_play.register
def _(action: EditSource, world: World) -> None:
    value: object = int(action.value) if action.what == "grace" else action.value
    config = world.configs[action.source]
    world.configure(action.source, replace(config, **{action.what: value}))  # type: ignore[arg-type]  # by its name


@_play.register
def _(action: Protect, world: World) -> None:
    world.configure(action.source, replace(world.configs[action.source], protected=action.keys))


@_play.register
def _(action: MoveEndpoint, world: World) -> None:
    config = world.configs[action.source]
    world.moved.add(action.source)
    world.configure(action.source, replace(config, job=1 - config.job))


@_play.register
def _(action: Follow, world: World) -> None:
    world.follow_reasons()


@_play.register
def _(action: Tamper, world: World) -> None:
    if run := _chosen(world.runs(*NOT_SENT_YET), action.which):
        world.tamper(run, action.file, action.at)


@_play.register
def _(action: PutBack, world: World) -> None:
    world.put_back()


_ADMIN = {
    "disable": {"accountEnabled": "False"},
    "enable": {"accountEnabled": "True"},
    "rename": {"displayName": "By the administrator"},
}


@_play.register
def _(action: Admin, world: World) -> None:
    account = world.tenant.account_of(action.key)
    if account is None:
        return
    world.happened[f"admin {action.what}"] += 1
    if action.what == "delete":
        world.tenant.delete_account(account)
    else:
        world.tenant.change_account(account, **_ADMIN[action.what])


@_play.register
def _(action: Cycle, world: World) -> None:
    for _each in range(action.count):
        world.tenant.cycle()


@_play.register
def _(action: Turn, world: World) -> None:
    world.tenant.turn(action.dial, action.value)


@_play.register
def _(action: Fault, world: World) -> None:
    world.tenant.plan_fault(action)


@_play.register
def _(action: Threshold, world: World) -> None:
    world.tenant.threshold(action.value)


@_play.register
def _(action: Release, world: World) -> None:
    world.tenant.release(deletes=action.deletes)


@_play.register
def _(action: Wait, world: World) -> None:
    world.clock.advance(seconds=action.seconds)


@_play.register
def _(action: Skew, world: World) -> None:
    world.skew(action.instance, action.seconds)
