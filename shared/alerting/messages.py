"""What each channel is sent for an alert: an adaptive card for Teams, blocks for Slack, plain JSON for a webhook. Pure.

Texts may hold what people typed (file names, keys); each format gets them escaped in its own way.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime
from typing import Any

import msgspec

from shared.alerting.findings import Severity
from shared.alerting.raise_alerts import Alert, Change

_COLOUR = {Severity.CRITICAL: "attention", Severity.WARNING: "warning", Severity.INFO: "accent"}
_EMOJI = {Severity.CRITICAL: ":red_circle:", Severity.WARNING: ":large_orange_circle:", Severity.INFO: ":blue_circle:"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|>~-])")


def plain(alert: Alert, link: str) -> dict[str, Any]:
    """The alert as JSON: what the webhook and the log get. `link` is the page of the run, or ""."""
    finding = alert.finding
    return {
        "key": alert.key,
        "change": str(alert.change),
        "severity": str(finding.severity),
        "rule": finding.rule,
        "source": finding.source,
        "run_id": finding.run_id,
        "title": finding.title,
        "text": finding.text,
        "remedy": finding.remedy,
        "raised_at": _time(alert.raised_at),
        "resolved_at": _time(alert.resolved_at),
        "link": link,
    }


def teams(alert: Alert, link: str) -> dict[str, Any]:
    """The message for a Teams workflow webhook: one adaptive card."""
    finding = alert.finding
    resolved = alert.change is Change.RESOLVED
    body: list[dict[str, Any]] = [
        {
            "type": "TextBlock",
            "size": "medium",
            "weight": "bolder",
            "wrap": True,
            "color": "good" if resolved else _COLOUR[finding.severity],
            "text": _markdown(headline(alert)),
        },
        {"type": "TextBlock", "wrap": True, "text": _markdown(finding.text)},
    ]
    if not resolved:
        body.append(
            {"type": "TextBlock", "wrap": True, "isSubtle": True, "text": _markdown(f"To do: {finding.remedy}")}
        )
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the run", "url": link}]
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }


def slack(alert: Alert, link: str) -> dict[str, Any]:
    """The message for a Slack incoming webhook."""
    finding = alert.finding
    emoji = ":white_check_mark:" if alert.change is Change.RESOLVED else _EMOJI[finding.severity]
    lines = [f"{emoji} *{_slack(headline(alert))}*", _slack(finding.text)]
    if alert.change is not Change.RESOLVED:
        lines.append(f"_To do: {_slack(finding.remedy)}_")
    if link:
        lines.append(f"<{link}|Open the run>")
    text = "\n".join(lines)[:2_900]  # a section of Slack holds 3,000 characters
    return {"text": headline(alert), "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}


def headline(alert: Alert) -> str:
    """The alert in one line."""
    return f"Over: {alert.finding.title}" if alert.change is Change.RESOLVED else alert.finding.title


def signed(body: bytes, key: str, now: datetime) -> dict[str, str]:
    """The headers that prove a webhook's body: HMAC-SHA256 of `{timestamp}.{body}`, hexadecimal."""
    timestamp = str(int(now.timestamp()))
    digest = hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Rollcall-Timestamp": timestamp, "Rollcall-Signature": f"sha256={digest}"}


def encoded(message: dict[str, Any]) -> bytes:
    """A message as bytes."""
    return msgspec.json.encode(message)


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _markdown(text: str) -> str:
    """An adaptive card reads a little Markdown; what people typed is only text."""
    return _MARKDOWN.sub(r"\\\1", text)


def _slack(text: str) -> str:
    """Slack's three escapes; without them `<` begins a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
