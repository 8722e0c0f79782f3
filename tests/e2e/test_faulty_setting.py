"""A faulty setting on the host of this machine: it is named, and a drop that comes meanwhile is planned later."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from azure.storage.queue import QueueServiceClient

from emulator.feed import Feed, employees, encoded
from emulator.stack import Stack, write_settings
from shared.model.runs import RunState
from tests.e2e.test_host_log import stack_with, until


def restart_with(stack: Stack, daily_calls: str) -> str:
    """Start the host again with this setting; what it logged before is gone. Where it listens."""
    assert stack.host is not None
    stack.host.stop()
    stack.settings["DAILY_CALLS"] = daily_calls
    write_settings(stack.settings_file, stack.settings)
    return stack.start_host().url


def log_of(stack: Stack) -> str:
    assert stack.host is not None
    return stack.host.log.read_text(encoding="utf-8")


def poison(stack: Stack) -> list[str]:
    """The messages about drops that failed too often."""
    with QueueServiceClient.from_connection_string(stack.azurite.connection_string) as account:
        queues = [each.name for each in account.list_queues() if "poison" in str(each.name)]
        return [str(each.content) for name in queues for each in account.get_queue_client(str(name)).peek_messages(32)]


def test_a_drop_waits_while_a_setting_is_faulty_and_is_planned_when_it_is_right(root: Path) -> None:
    with stack_with(root, {}) as stack:
        good = stack.settings["DAILY_CALLS"]
        url = restart_with(stack, "abc")
        with stack.house.storage.drops.writer("employees/monday.csv") as file:
            for piece in encoded(employees(Feed(people=10, day=1, clean=True))):
                file.write(piece)
        until(lambda: '"settings_faulty", "function": "plan_drop"' in log_of(stack), lambda: log_of(stack))
        with httpx.Client(base_url=url, trust_env=False) as client:
            health = client.get("/api/health", params={"code": stack.function_key})
            assert health.status_code == 503
            assert [fault.split(":")[0] for fault in health.json()["settings"]] == ["DAILY_CALLS"]
            page = client.get("/api/console/")
            assert page.status_code == 503
            assert "DAILY_CALLS" in page.text
        until(
            lambda: bool(re.search(r'"alert_raised","key":"setting\|DAILY_CALLS"', log_of(stack))),
            lambda: log_of(stack),
        )
        assert stack.house.ledger.runs() == []
        assert poison(stack) == []
        assert "Failed" not in log_of(stack)

        restart_with(stack, good)
        until(lambda: RunState.SETTLED in {run.state for run in stack.house.ledger.runs()}, stack.house.ledger.runs)
        until(
            lambda: "setting|DAILY_CALLS" in re.findall(r'"alert_resolved","key":"([^"]+)"', log_of(stack)), lambda: ""
        )
        assert poison(stack) == []
