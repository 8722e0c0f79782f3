"""`rollcall alerts`: what a person should know now, and whether the channels take a test."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from cli import console
from shared.alerting.findings import Severity
from shared.alerting.raise_alerts import Alert, try_channels
from shared.app import House
from shared.settings import named_in

_STYLES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_ORDER = list(Severity)


def alerts(house: House, *, as_json: bool) -> None:
    """The alerts that hold, the worst first."""
    found = sorted(
        (alert for alert in house.alerts.open() if alert.is_open),
        key=lambda alert: (_ORDER.index(alert.finding.severity), alert.raised_at),
    )
    if as_json:
        console.print_json([_json(alert) for alert in found])
    elif not found:
        console.out().print("no alerts")
    else:
        console.print_table(console.out(), _table(found))


def test(house: House, *, as_json: bool) -> int:
    """Tell every channel of an alert that means nothing; 1 when one of them did not take it."""
    told = list(try_channels(house.channels, house.planner.now()))
    told += [(named_in(fault), fault) for fault in house.settings.left_out if named_in(fault).startswith("ALERT_")]
    if as_json:
        console.print_json([{"channel": name, "took_it": not fault, "fault": fault} for name, fault in told])
    else:
        for name, fault in told:
            console.out().print(f"{name}: {fault or 'took it'}")
        if len(told) == 1:
            console.out().print("only the log is told; name channels with ALERT_TEAMS_URL, ALERT_SLACK_URL, ...")
    return int(any(fault for _, fault in told))


def _table(found: list[Alert]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("severity", "since", "alert", "to do"):
        table.add_column(column, overflow="fold", no_wrap=column in ("severity", "since"))
    for alert in found:
        finding = alert.finding
        table.add_row(
            Text(finding.severity, _STYLES[finding.severity]),
            f"{alert.raised_at:%Y-%m-%d %H:%M}",
            Text(f"{finding.title}: {finding.text}" + (f" ({finding.run_id})" if finding.run_id else "")),
            Text(finding.remedy),
        )
    return table


def _json(alert: Alert) -> dict[str, Any]:
    finding = alert.finding
    return {
        "key": alert.key,
        "severity": finding.severity,
        "rule": finding.rule,
        "source": finding.source,
        "run_id": finding.run_id,
        "title": finding.title,
        "text": finding.text,
        "remedy": finding.remedy,
        "raised_at": alert.raised_at.isoformat(),
        "changed_at": alert.changed_at.isoformat(),
    }
