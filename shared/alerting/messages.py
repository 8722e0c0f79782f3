"""What each channel is sent for an alert: an adaptive card for Teams, blocks for Slack, plain JSON for a webhook. Pure.

Texts may hold what people typed (file names, keys); each format gets them escaped in its own way.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime
from itertools import accumulate
from typing import Any

import msgspec

from shared.alerting.findings import Severity
from shared.alerting.raise_alerts import Alert, Change

_COLOUR = {Severity.CRITICAL: "attention", Severity.WARNING: "warning", Severity.INFO: "accent"}
_EMOJI = {Severity.CRITICAL: ":red_circle:", Severity.WARNING: ":large_orange_circle:", Severity.INFO: ":blue_circle:"}
_LONGEST = 2_000  # characters of a text; a Teams message holds 28 KB in all, a section of Slack 3,000 characters
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
    lines = [f"{emoji} *{_slack(headline(alert), 300)}*", _slack(finding.text, _LONGEST)]
    if alert.change is not Change.RESOLVED:
        lines.append(f"_To do: {_slack(finding.remedy, 300)}_")
    if link:
        lines.append(f"<{_slack(link, 300)}|Open the run>")
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)}}
    return {"text": _slack(headline(alert), 300), "blocks": [section]}


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
    return _MARKDOWN.sub(r"\\\1", _cut(text, _LONGEST))


def _slack(text: str, longest: int) -> str:
    """Slack's three escapes, without which `<` begins a link or a mention; never longer than that, nor cut in one."""
    escaped = [{"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character) for character in text]
    if sum(map(len, escaped)) <= longest:
        return "".join(escaped)
    ends = accumulate(map(len, escaped))
    return "".join(part for part, end in zip(escaped, ends, strict=True) if end < longest) + "…"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
