"""The fourth story: what the rules find becomes alerts. Each is raised once, kept up to date, and resolved once.

An alert is stored before anybody is told, with the channels that are still to be told; so a channel that is down, or a
process that is killed, is caught up with at the next tick, and no channel waits for another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.alerting.findings import Finding
from shared.errors import ChannelError


class Change(StrEnum):
    """What a channel is told."""

    RAISED = "raised"
    UPDATED = "updated"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Alert:
    """One finding over time. `untold` maps a channel to what it still has to be told."""

    finding: Finding
    raised_at: datetime
    changed_at: datetime
    change: Change = Change.RAISED
    resolved_at: datetime | None = None
    untold: tuple[str, ...] = ()

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
        ...

    def put(self, alerts: Iterable[Alert]) -> None:
        """Keep these alerts."""
        ...


class Channel(Protocol):
    """A way to tell people: Teams, Slack, a webhook, the log."""

    @property
    def name(self) -> str:
        """What it is called in the settings."""
        ...

    @property
    def wants_updates(self) -> bool:
        """Whether it is told of changes of an alert that is known already; people are told of its beginning and end."""
        ...

    def tell(self, alert: Alert) -> None:
        """Deliver it. Raises ChannelError."""
        ...


@dataclass(frozen=True)
class Raised:
    """What one tick did."""

    raised: int = 0
    updated: int = 0
    resolved: int = 0
    open: int = 0
    failed_channels: tuple[str, ...] = ()


def raise_alerts(findings: Sequence[Finding], store: AlertStore, channels: Sequence[Channel], now: datetime) -> Raised:
    """Bring the alerts up to what was found, then tell the channels."""
    before = store.open()
    after = reconciled(findings, before, channels, now)
    store.put(alert for alert in after if alert not in before)
    failed = _tell(after, store, channels)
    changed = [alert.change for alert in after if alert not in before]
    return Raised(
        changed.count(Change.RAISED),
        changed.count(Change.UPDATED),
        changed.count(Change.RESOLVED),
        sum(alert.is_open for alert in after),
        tuple(sorted(failed)),
    )


def reconciled(
    findings: Sequence[Finding], before: Sequence[Alert], channels: Sequence[Channel], now: datetime
) -> list[Alert]:
    """The alerts after what was found: new ones raised, changed ones updated, the others resolved. Pure."""
    known = {alert.key: alert for alert in before if alert.is_open}
    found = {finding.key: finding for finding in findings}
    untold = tuple(channel.name for channel in channels)
    updates = {channel.name for channel in channels if channel.wants_updates}
    after: list[Alert] = [alert for alert in before if not alert.is_open and alert.key not in found]
    for key, finding in found.items():
        alert = known.get(key)
        if alert is None:
            after.append(Alert(finding, now, now, Change.RAISED, untold=untold))
        elif alert.finding != finding:
            still = tuple(name for name in untold if name in updates or name in alert.untold)
            change = Change.RAISED if alert.change is Change.RAISED and alert.untold else Change.UPDATED
            after.append(replace(alert, finding=finding, changed_at=now, change=change, untold=still))
        else:
            after.append(alert)
    for key, alert in known.items():
        if key not in found:
            after.append(replace(alert, change=Change.RESOLVED, changed_at=now, resolved_at=now, untold=untold))
    return after


def _tell(alerts: Iterable[Alert], store: AlertStore, channels: Sequence[Channel]) -> set[str]:
    """Tell every channel what it has not been told; a channel that fails is left alone until the next tick."""
    failed: set[str] = set()
    for alert in alerts:
        left = []
        for channel in channels:
            if channel.name not in alert.untold:
                continue
            if channel.name in failed or not _told(channel, alert):
                failed.add(channel.name)
                left.append(channel.name)
        if tuple(left) != alert.untold:
            store.put([replace(alert, untold=tuple(left))])
    return failed


def _told(channel: Channel, alert: Alert) -> bool:
    try:
        channel.tell(alert)
    except ChannelError:
        return False
    return True
