"""What each channel is sent, with hostile texts in it, and how a receiver checks where it comes from."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.alerting.findings import Finding, Severity
from shared.alerting.messages import plain, slack, teams
from shared.alerting.raise_alerts import Alert, Change
from shared.channels import LogChannel, WebChannel
from shared.model.errors import ChannelError
from tests.unit.alerting.world import NOW

LINK = "https://rollcall.contoso.example/runs/employees-1-a"
HOSTILE = 'drop "[free money](https://evil.example) <!channel> <https://evil.example|log in> **now** {{DATE(x)}} & `x`'


def alert(change: Change = Change.RAISED, text: str = "5% are disabled", **fields: Any) -> Alert:
    run = "employees-1-a"
    key = f"run-held|employees|{run}"
    finding = Finding(key, Severity.WARNING, "run-held", "employees", "A drop is held", text, "look at it", run)
    resolved = NOW + timedelta(hours=1) if change is Change.RESOLVED else None
    return Alert(finding, NOW, NOW, change, resolved, **fields)


def card(message: dict[str, Any]) -> dict[str, Any]:
    (attachment,) = message["attachments"]
    assert message["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    found: dict[str, Any] = attachment["content"]
    return found


def test_teams_gets_an_adaptive_card_of_the_shape_its_schema_asks_for() -> None:
    content = card(teams(alert(), LINK))
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.4")
    assert content["$schema"] == "http://adaptivecards.io/schemas/adaptive-card.json"
    for block in content["body"]:
        assert block["type"] == "TextBlock"
        assert isinstance(block["text"], str)
        assert block["wrap"] is True
        assert block.get("color", "default") in {"default", "dark", "light", "accent", "good", "warning", "attention"}
        assert block.keys() <= {"type", "text", "wrap", "size", "weight", "color", "isSubtle"}
    assert [block["text"] for block in content["body"]] == [
        "A drop is held", "5% are disabled", "To do: look at it",
    ]  # fmt: skip
    assert content["actions"] == [{"type": "Action.OpenUrl", "title": "Open the run", "url": LINK}]


def test_teams_gets_no_button_where_there_is_no_page() -> None:
    assert "actions" not in card(teams(alert(), ""))


def test_what_is_over_is_told_without_anything_to_do() -> None:
    content = card(teams(alert(Change.RESOLVED), LINK))
    assert content["body"][0]["text"] == "Over: A drop is held"
    assert content["body"][0]["color"] == "good"
    assert "To do" not in json.dumps(content)
    text = slack(alert(Change.RESOLVED), LINK)["blocks"][0]["text"]["text"]
    assert "Over: A drop is held" in text
    assert "To do" not in text


def test_a_hostile_text_is_only_text_in_teams() -> None:
    text = card(teams(alert(text=HOSTILE), LINK))["body"][1]["text"]
    for sign in ("[", "]", "(", ")", "*", "{", "}", "`", ">"):
        assert text.count(sign) == text.count("\\" + sign) == HOSTILE.count(sign)


def test_a_hostile_text_is_only_text_in_slack() -> None:
    message = slack(alert(text=HOSTILE), LINK)
    text = message["blocks"][0]["text"]["text"]
    assert text.count("<") == text.count(">") == 1  # our own link
    assert f"<{LINK}|Open the run>" in text
    assert "&lt;!channel&gt;" in text
    assert " &amp; " in text


def test_slack_gets_a_section_it_takes_whatever_is_in_it() -> None:
    for text in ("&" * 9_000, "x" * 9_000, "<" * 100):
        message = slack(alert(text=text), LINK)
        (block,) = message["blocks"]
        assert block["type"] == "section"
        assert block["text"]["type"] == "mrkdwn"
        assert len(block["text"]["text"]) <= 3_000
        assert block["text"]["text"].endswith(f"<{LINK}|Open the run>")
        assert "&am…" not in block["text"]["text"]
    assert message["text"] == "A drop is held"


def test_a_text_too_long_for_teams_is_cut() -> None:
    assert len(json.dumps(teams(alert(text="*" * 100_000), LINK))) < 28_000


def test_a_webhook_gets_everything_as_json() -> None:
    assert plain(alert(Change.RESOLVED), LINK) == {
        "key": "run-held|employees|employees-1-a",
        "change": "resolved",
        "severity": "warning",
        "rule": "run-held",
        "source": "employees",
        "run_id": "employees-1-a",
        "title": "A drop is held",
        "text": "5% are disabled",
        "remedy": "look at it",
        "raised_at": "2026-11-02T12:00:00+00:00",
        "resolved_at": "2026-11-02T13:00:00+00:00",
        "link": LINK,
    }


class Receiver(httpx.BaseTransport):
    """The other end of a webhook: keeps what comes, and answers as it is told."""

    def __init__(self, answer: int | Exception = 200) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return httpx.Response(self.answer)

    def is_genuine(self, key: str) -> bool:
        """What a receiver does with the key it shares with Rollcall."""
        (request,) = self.requests
        timestamp = request.headers["Rollcall-Timestamp"]
        expected = hmac.new(key.encode(), f"{timestamp}.".encode() + request.content, hashlib.sha256).hexdigest()
        is_fresh = abs(NOW.timestamp() - int(timestamp)) < 300
        return is_fresh and hmac.compare_digest(request.headers["Rollcall-Signature"], f"sha256={expected}")


def channel(receiver: Receiver, key: str = "", url: str = "https://hooks.contoso.example/secret") -> WebChannel:
    client = httpx.Client(transport=receiver)
    return WebChannel("webhook", url, plain, client, lambda run_id: f"https://x/runs/{run_id}", lambda: NOW, key)


def test_a_receiver_can_tell_a_genuine_body_from_another() -> None:
    receiver = Receiver()
    channel(receiver, "a long key").tell(alert(text=HOSTILE))
    assert receiver.is_genuine("a long key")
    assert not receiver.is_genuine("another key")
    body = json.loads(receiver.requests[0].content)
    assert (body["text"], body["link"]) == (HOSTILE, "https://x/runs/employees-1-a")
    receiver.requests[0] = httpx.Request("POST", "https://x", content=b"{}", headers=receiver.requests[0].headers)
    assert not receiver.is_genuine("a long key")


def test_without_a_key_nothing_is_signed() -> None:
    receiver = Receiver()
    channel(receiver).tell(alert())
    assert not [name for name in receiver.requests[0].headers if name.startswith("rollcall")]


@pytest.mark.parametrize("answer", [302, 400, 404, 429, 500, httpx.ConnectError("no"), httpx.ReadTimeout("slow")])
def test_a_channel_in_trouble_says_so_without_its_address(answer: int | Exception) -> None:
    with pytest.raises(ChannelError) as told:
        channel(Receiver(answer)).tell(alert())
    assert "webhook" in str(told.value)
    assert "secret" not in str(told.value)


def test_an_address_that_is_none_is_a_channel_in_trouble() -> None:
    with pytest.raises(ChannelError):
        channel(Receiver(), url="https://hooks:port/secret").tell(alert())


@pytest.mark.parametrize("change", list(Change))
def test_the_log_gets_one_event_without_texts(change: Change, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rollcall.test")
    LogChannel(logging.getLogger("rollcall.test"), lambda run_id: f"https://x/runs/{run_id}").tell(
        alert(change, HOSTILE)
    )
    (record,) = caplog.records
    event = json.loads(record.getMessage())
    assert event["event"] == f"alert_{change}"
    assert (event["rule"], event["severity"], event["source"]) == ("run-held", "warning", "employees")
    assert event["link"] == "https://x/runs/employees-1-a"
    assert "evil" not in record.getMessage()
