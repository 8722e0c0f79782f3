"""Alert channels: Teams, Slack, a signed webhook, and the log that Azure Monitor's rules read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from shared.alerting.messages import encoded, plain, signed, slack, teams
from shared.alerting.raise_alerts import Alert, Channel
from shared.model.errors import ChannelError
from shared.settings import Settings

TIMEOUT = 10.0  # seconds; a channel that takes longer is tried again at the next tick


@dataclass(frozen=True)
class WebChannel:
    """A channel that is told by POST. `url` is a secret: it is neither shown nor logged."""

    name: str
    url: str
    message: Callable[[Alert, str], dict[str, Any]]
    client: httpx.Client
    link: Callable[[str], str]  # run id -> the page of the run
    now: Callable[[], datetime]
    key: str = ""  # signs the body where it is given
    wants_updates: bool = False

    def tell(self, alert: Alert) -> None:
        """Deliver it. Raises ChannelError."""
        body = encoded(self.message(alert, self.link(alert.finding.run_id)))
        headers = {"Content-Type": "application/json", **(signed(body, self.key, self.now()) if self.key else {})}
        try:
            response = self.client.post(self.url, content=body, headers=headers, timeout=TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # an address may be no address at all
            raise ChannelError(f"{self.name} could not be reached: {type(error).__name__}") from None
        if not response.is_success:
            raise ChannelError(f"{self.name} answered {response.status_code}")


@dataclass(frozen=True)
class LogChannel:
    """One structured log event a change, for the alert rules in Azure Monitor."""

    log: logging.Logger
    link: Callable[[str], str]
    name: str = "log"
    wants_updates: bool = True

    def tell(self, alert: Alert) -> None:
        """Log it; names of files and keys of people stay out of the log."""
        told = plain(alert, self.link(alert.finding.run_id))
        event = {"event": f"alert_{alert.change}"} | {
            name: told[name]
            for name in ("key", "severity", "rule", "source", "run_id", "raised_at", "resolved_at", "link")
        }
        self.log.info(encoded(event).decode())


def channels(settings: Settings, client: httpx.Client, now: Callable[[], datetime]) -> tuple[Channel, ...]:
    """The channels that the settings name, and the log, which is always there."""

    def link(run_id: str) -> str:
        return f"{settings.console_url.rstrip('/')}/runs/{run_id}" if settings.console_url and run_id else ""

    web = (
        ("teams", settings.teams_url, teams, ""),
        ("slack", settings.slack_url, slack, ""),
        ("webhook", settings.webhook_url, plain, settings.webhook_key),
    )
    named = [WebChannel(name, url, text, client, link, now, key) for name, url, text, key in web if url]
    return (*named, LogChannel(logging.getLogger("rollcall"), link))
