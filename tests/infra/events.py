"""The alert events as the app logs them: one is told to the real log channel, for each change, and read back."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from logging.handlers import BufferingHandler

from shared.alerting.findings import Finding, Severity
from shared.alerting.raise_alerts import Alert, Change
from shared.channels import LogChannel

_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
_FINDING = Finding("run-held/x", Severity.WARNING, "run-held", "employees", "is held", "5 % are disabled", "look", "x")


def alert_messages() -> list[str]:
    """What is logged when an alert is raised, changed and resolved."""
    kept, log = BufferingHandler(len(Change) + 1), logging.Logger("alerts")
    log.addHandler(kept)
    for change in Change:
        LogChannel(log, lambda run_id: f"https://x.example/runs/{run_id}").tell(Alert(_FINDING, _NOON, _NOON, change))
    return [record.getMessage() for record in kept.buffer]


def alert_events() -> dict[str, frozenset[str]]:
    """The events with their fields."""
    told = [json.loads(message) for message in alert_messages()]
    return {event["event"]: frozenset(event) - {"event"} for event in told}
