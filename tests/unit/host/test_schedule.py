from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.host.configuration import parse_time_span
from emulator.host.timers import parse_schedule
from emulator.host.wire import ConfigurationError
from tests.unit.host.doubles import MORNING


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 */5 * * * *", datetime(2026, 11, 23, 8, 5, tzinfo=UTC)),
        ("30 * * * * *", datetime(2026, 11, 23, 8, 0, 30, tzinfo=UTC)),
        ("0 30 9-17/2 * * Mon-Fri", datetime(2026, 11, 23, 9, 30, tzinfo=UTC)),
        ("0 0 3 * * *", datetime(2026, 11, 24, 3, tzinfo=UTC)),
        ("0 0 0 1 jan *", datetime(2027, 1, 1, tzinfo=UTC)),
        ("0 0 0 * * 0", datetime(2026, 11, 29, tzinfo=UTC)),
        ("00:10:00", datetime(2026, 11, 23, 8, 10, tzinfo=UTC)),
        ("1.00:00:00", datetime(2026, 11, 24, 8, tzinfo=UTC)),
    ],
)
def test_a_schedule_is_next_due_when_the_platform_says(text: str, due: datetime) -> None:
    assert parse_schedule(text).after(MORNING) == due


def test_day_and_weekday_must_both_match_as_in_ncrontab() -> None:
    friday_13th = parse_schedule("0 0 0 13 * Fri")
    assert friday_13th.after(MORNING) == datetime(2027, 8, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "every 5 minutes",
        "",
        "*/5 * * * *",
        "60 * * * * *",
        "0 0 25 * * *",
        "0 0 0 L * *",
        "0 0 0 * * 7",
        "0 0 0 * * fri#2",
        "@daily",
        "0 */0 * * * *",
        "0 0 0 ? * *",
        "00:00:00",
        "00:99:00",
    ],
)
def test_what_the_platform_would_refuse_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ConfigurationError, match="schedule"):
        parse_schedule(text)


@given(st.integers(0, 500_000_000))
def test_the_next_time_is_always_later(seconds: int) -> None:
    moment = MORNING + timedelta(seconds=seconds)
    schedule = parse_schedule("*/7 */3 * * * *")
    assert moment < schedule.after(moment) <= moment + timedelta(minutes=3)


def test_a_time_span_is_read_as_dotnet_writes_it() -> None:
    assert parse_time_span("00:30:00") == timedelta(minutes=30)
    assert parse_time_span("2.01:00:05") == timedelta(days=2, hours=1, seconds=5)
    with pytest.raises(ConfigurationError, match="TimeSpan"):
        parse_time_span("30m")
