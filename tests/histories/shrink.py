"""The shortest history that breaks the same promise: ddmin over the actions, then simpler ones. Bounded in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import TypeVar

from tests.histories.actions import Action, Drop, History, Meanwhile, Resend, Setup, Step

T = TypeVar("T")
Fails = Callable[[History], bool]


def shrink(history: History, fails: Fails, is_over: Callable[[], bool]) -> History:
    """A smaller history that fails as this one does; the best one found when the time is over."""
    smaller = True
    while smaller and not is_over():
        before = history
        history = _fewer(history, fails, is_over)
        history = _simpler(history, fails, is_over)
        smaller = history != before
    return history


def _fewer(history: History, fails: Fails, is_over: Callable[[], bool]) -> History:
    """ddmin: leave out ever smaller parts while it still fails."""
    actions, part = list(history.actions), max(1, len(history.actions) // 2)
    while part >= 1 and not is_over():
        at, found = 0, False
        while at < len(actions) and not is_over():
            rest = actions[:at] + actions[at + part :]
            if fails(replace(history, actions=tuple(rest))):
                actions, found = rest, True
            else:
                at += part
        part = part if found and part == 1 else part // 2
    return replace(history, actions=tuple(actions))


def _simpler(history: History, fails: Fails, is_over: Callable[[], bool]) -> History:
    for setup in _simpler_setups(history.setup):
        if is_over():
            return history
        if fails(replace(history, setup=setup)):
            history = replace(history, setup=setup)
    at = 0
    while at < len(history.actions) and not is_over():
        for simpler in _simpler_actions(history.actions[at]):
            actions = (*history.actions[:at], simpler, *history.actions[at + 1 :])
            if fails(replace(history, actions=actions)):
                history = replace(history, actions=actions)
                break
        else:
            at += 1
    return history


def _simpler_setups(setup: Setup) -> Iterator[Setup]:
    plain = Setup(seed=setup.seed)
    for name in (each.name for each in fields(Setup)):
        if getattr(setup, name) != getattr(plain, name):
            yield replace(setup, **{name: getattr(plain, name)})


def _simpler_actions(action: Action) -> Iterator[Action]:
    """Actions that do less, the simplest first."""
    if isinstance(action, Drop | Step) and action.trouble is not None:
        yield replace(action, trouble=None)
        if isinstance(action.trouble, Meanwhile):
            for inner in _without_one(action.trouble.actions):
                yield replace(action, trouble=replace(action.trouble, actions=inner))
            for at, each in enumerate(action.trouble.actions):
                for simpler in _simpler_actions(each):
                    others = (*action.trouble.actions[:at], simpler, *action.trouble.actions[at + 1 :])
                    yield replace(action, trouble=replace(action.trouble, actions=others))
    if isinstance(action, Drop):
        yield from _simpler_drops(action)
    if isinstance(action, Resend):
        for keys in _without_one(action.keys):
            yield replace(action, keys=keys)


def _simpler_drops(drop: Drop) -> Iterator[Action]:
    if drop.kind != "usual":
        yield replace(drop, kind="usual", back=1)
    if drop.bad:
        yield replace(drop, bad=())
    if drop.also:
        yield replace(drop, also=())
    if drop.same_name:
        yield replace(drop, same_name=False)
    if drop.events != 1:
        yield replace(drop, events=1)
    for edits in _without_one(drop.edits):
        yield replace(drop, edits=edits)


def _without_one(items: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    for at in range(len(items)):
        yield (*items[:at], *items[at + 1 :])
