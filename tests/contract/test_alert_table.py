"""Alerts, in the twin's tables and in Azure's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.alerting.findings import Finding, Severity
from shared.alerting.raise_alerts import Alert, Change
from shared.stores.alert_table import AlertTable
from tests.contract.conftest import Tables

NOW = datetime(2026, 11, 2, 6, 0, 1, 250000, tzinfo=UTC)


def alert(key: str = "run-held|employees|x", text: str = "text", **fields: object) -> Alert:
    finding = Finding(key, Severity.CRITICAL, "run-held", "employees", "title", text, "remedy", "x")
    made = Alert(finding, NOW, NOW, untold={"teams": (Change.RAISED,)})
    return replace(made, **fields)  # type: ignore[arg-type]  # the fields of an alert, by name


def over(one: Alert, after: timedelta = timedelta(hours=1)) -> Alert:
    return replace(one, change=Change.RESOLVED, changed_at=NOW + after, resolved_at=NOW + after, untold={})


def test_an_alert_comes_back_as_it_was_put(new_table: Tables) -> None:
    alerts = AlertTable(new_table())
    first, second = alert("a/b#c?'d", "名" * 40_000), alert("other")
    alerts.put([first, second])
    assert sorted(alerts.open(), key=lambda each: each.key) == [first, second]
    assert alerts.over() == []


def test_an_alert_that_is_over_stays_open_until_everybody_is_told(new_table: Tables) -> None:
    alerts = AlertTable(new_table())
    alerts.put([alert()])
    waiting = replace(over(alert()), untold={"teams": (Change.RESOLVED,)})
    alerts.put([waiting])
    assert (alerts.open(), alerts.over()) == ([waiting], [])
    alerts.put([over(alert())])
    assert (alerts.open(), alerts.over()) == ([], [over(alert())])
    alerts.put([over(alert())])
    assert alerts.over() == [over(alert())]


def test_each_time_an_alert_was_raised_is_kept_the_latest_first(new_table: Tables) -> None:
    alerts = AlertTable(new_table())
    times = [over(alert(raised_at=NOW - timedelta(hours=hours)), timedelta(hours=-hours)) for hours in (3, 1, 2)]
    alerts.put(times)
    assert alerts.over() == [times[1], times[2], times[0]]


def test_an_alert_is_archived_beside_the_one_that_is_open(new_table: Tables) -> None:
    alerts = AlertTable(new_table())
    alerts.put([alert()])
    alerts.archive(over(alert(raised_at=NOW - timedelta(days=1))))
    assert (len(alerts.open()), len(alerts.over())) == (1, 1)


def test_what_was_over_long_ago_is_forgotten_and_what_is_open_never(new_table: Tables) -> None:
    alerts = AlertTable(new_table())
    alerts.put(
        [alert("open", changed_at=NOW - timedelta(days=900)), over(alert("old")), over(alert("new"), timedelta(days=2))]
    )
    alerts.forget(NOW + timedelta(days=1))
    assert [each.key for each in alerts.open()] == ["open"]
    assert [each.key for each in alerts.over()] == ["new"]
