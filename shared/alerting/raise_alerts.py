"""What the rules find becomes alerts. Each is raised once, kept up to date, and resolved once.

An alert is stored before anybody is told, with what each channel is still to be told; so a channel that is down, or a
process that is killed, is caught up with at the next tick, and no channel waits for another. Each channel hears of an
alert's beginning and end, in turn; a process killed between telling and noting it tells once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.alerting.findings import Finding, Severity
from shared.model.errors import ChannelError


class Change(StrEnum):
    """What a channel is told."""

    RAISED = "raised"
    UPDATED = "updated"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Alert:
    """One finding over time. `untold` says what each channel still has to be told, in order."""

    finding: Finding
    raised_at: datetime
    changed_at: datetime
    change: Change = Change.RAISED
    resolved_at: datetime | None = None
    untold: dict[str, tuple[Change, ...]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The finding's key."""
        return self.finding.key

    @property
    def is_open(self) -> bool:
        """Whether it still holds."""
        return self.resolved_at is None


class AlertStore(Protocol):
    """Where alerts are kept."""

    def open(self) -> list[Alert]:
        """Alerts that hold, or that some channel has not been told of."""

    def over(self) -> list[Alert]:
        """Alerts that are over, the latest first."""

    def put(self, alerts: Iterable[Alert]) -> None:
        """Keep these alerts."""

    def archive(self, alert: Alert) -> None:
        """Enter one among those that are over; another with its key is raised now."""


class Channel(Protocol):
    """A way to tell people: Teams, Slack, a webhook, the log."""

    @property
    def name(self) -> str:
        """What it is called in the settings."""

    @property
    def wants_updates(self) -> bool:
        """Whether it is told of changes of an alert that is known already; people are told of its beginning and end."""

    def tell(self, alert: Alert) -> None:
        """Deliver it. Raises ChannelError."""


@dataclass(frozen=True)
class Raised:
    """What one tick did."""

    raised: int = 0
    updated: int = 0
    resolved: int = 0
    open: int = 0
    failed_channels: tuple[str, ...] = ()


def raise_alerts(
    findings: Sequence[Finding],
    store: AlertStore,
    channels: Sequence[Channel],
    now: datetime,
    unseen: Callable[[str], bool] = lambda source: False,
) -> Raised:
    """Bring the alerts up to what was found, then tell the channels. Alerts of sources that could not be looked at
    (`unseen`) stay as they are.
    """
    before = {alert.key: alert for alert in store.open()}
    after = reconciled(findings, list(before.values()), channels, now, unseen)
    changed = [alert for alert in after if alert != before.get(alert.key)]
    for alert in changed:
        old = before.get(alert.key)
        if old is not None and not old.is_open and alert.is_open:
            store.archive(replace(old, untold={}))
    store.put(changed)
    failed = _tell(after, store, channels)
    changes = [alert.change for alert in changed if alert.changed_at == now]
    return Raised(
        changes.count(Change.RAISED),
        changes.count(Change.UPDATED),
        changes.count(Change.RESOLVED),
        sum(alert.is_open for alert in after),
        tuple(sorted(failed)),
    )


def reconciled(
    findings: Sequence[Finding],
    before: Sequence[Alert],
    channels: Sequence[Channel],
    now: datetime,
    unseen: Callable[[str], bool] = lambda source: False,
) -> list[Alert]:
    """The alerts after what was found: new ones raised, changed ones updated, the others resolved. Pure."""
    found = {finding.key: finding for finding in findings}
    known = {alert.key: _without_strangers(alert, channels) for alert in before}
    after = [_found(finding, known.get(key), channels, now) for key, finding in found.items()]
    gone = (alert for key, alert in known.items() if key not in found)
    return after + [
        _resolved(alert, channels, now) if alert.is_open and not unseen(alert.finding.source) else alert
        for alert in gone
    ]


def _found(finding: Finding, known: Alert | None, channels: Sequence[Channel], now: datetime) -> Alert:
    """The alert of something that holds."""
    if known is None:
        return Alert(finding, now, now, untold=_queued({}, Change.RAISED, channels))
    if not known.is_open:
        return Alert(finding, now, now, untold=_queued(known.untold, Change.RAISED, channels))
    if known.finding == finding:
        return known
    wanting = [channel for channel in channels if channel.wants_updates]
    untold = known.untold | _queued(known.untold, Change.UPDATED, wanting)
    return replace(known, finding=finding, changed_at=now, change=Change.UPDATED, untold=untold)


def _resolved(alert: Alert, channels: Sequence[Channel], now: datetime) -> Alert:
    """The alert when it is over."""
    untold = _queued(alert.untold, Change.RESOLVED, channels)
    return replace(alert, change=Change.RESOLVED, changed_at=now, resolved_at=now, untold=untold)


def _queued(
    untold: Mapping[str, tuple[Change, ...]], change: Change, channels: Iterable[Channel]
) -> dict[str, tuple[Change, ...]]:
    """What these channels are to be told, with one change more."""
    return {channel.name: _in_short((*untold.get(channel.name, ()), change)) for channel in channels}


def _in_short(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The same without what is not worth telling any more: an update before or after something, a coming and going.

    The first may have been told already, by a process that was killed then; so it stays.
    """
    lasting = tuple(change for change in changes if change is not Change.UPDATED)
    if not lasting:
        return (Change.UPDATED,)
    return lasting if len(lasting) < 3 else (*lasting[:-3], lasting[-1])


def _without_strangers(alert: Alert, channels: Sequence[Channel]) -> Alert:
    """The alert without channels that are not set up any more; nobody can tell them."""
    names = {channel.name for channel in channels}
    if alert.untold.keys() <= names:
        return alert
    return replace(alert, untold={name: change for name, change in alert.untold.items() if name in names})


def _tell(alerts: Iterable[Alert], store: AlertStore, channels: Sequence[Channel]) -> set[str]:
    """Tell every channel what it has not been told; a channel that fails is left alone until the next tick."""
    failed: set[str] = set()
    for alert in alerts:
        for channel in channels:
            while channel.name not in failed and channel.name in alert.untold:
                change, *left = alert.untold[channel.name]
                if _fault(channel, _told_as(alert, change)):
                    failed.add(channel.name)
                    break
                others = {name: untold for name, untold in alert.untold.items() if name != channel.name}
                alert = replace(alert, untold=others | ({channel.name: tuple(left)} if left else {}))
                store.put([alert])
    return failed


def _told_as(alert: Alert, change: Change) -> Alert:
    """The alert as it was at one of its changes."""
    resolved_at = (alert.resolved_at or alert.changed_at) if change is Change.RESOLVED else None
    return replace(alert, change=change, resolved_at=resolved_at)


def _fault(channel: Channel, alert: Alert) -> str:
    """Tell a channel; what went wrong, or ""."""
    try:
        channel.tell(alert)
    except ChannelError as error:
        return str(error)
    return ""


def try_channels(channels: Iterable[Channel], now: datetime) -> Iterator[tuple[str, str]]:
    """Tell every channel of an alert that means nothing: the name of each, and what went wrong, or ""."""
    finding = Finding(
        "test", Severity.INFO, "test", "", "This is a test of Rollcall's alerts", "Nothing is wrong.", "nothing"
    )
    for channel in channels:
        yield channel.name, _fault(channel, Alert(finding, now, now))
