"""What a reply means, and how long the service is left alone after it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sending.replies import LONGEST_BACKOFF, Reply, Verdict, pause_after

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "message", "verdict"),
    [
        (202, "", Verdict.ACCEPTED),
        (200, "", Verdict.ACCEPTED),
        (400, "", Verdict.REFUSED),
        (413, "", Verdict.REFUSED),
        (422, "", Verdict.REFUSED),
        (401, "", Verdict.NEW_TOKEN),
        (403, "", Verdict.BLOCKED),
        (404, "", Verdict.BLOCKED),
        (405, "", Verdict.BLOCKED),
        (307, "", Verdict.BLOCKED),
        (429, "bucket", Verdict.THROTTLED),
        (500, "The Bucket that stores the ingested data is full", Verdict.BUCKET_FULL),
        (500, "", Verdict.UNAVAILABLE),
        (503, "bucket", Verdict.UNAVAILABLE),
        (408, "", Verdict.UNAVAILABLE),
        (0, "", Verdict.UNAVAILABLE),
    ],
)
def test_each_status_has_its_verdict(status: int, message: str, verdict: Verdict) -> None:
    assert Reply(status, NOW, message=message).verdict is verdict


@given(st.integers(0, 599))
def test_every_status_has_a_verdict(status: int) -> None:
    assert Reply(status, NOW).verdict in Verdict


def test_what_is_told_is_status_code_and_request_id() -> None:
    assert Reply(400, NOW, "r-1", None, "Request_BadRequest", "Anna").told == "400 Request_BadRequest (request-id r-1)"
    assert Reply(0, NOW, code="ReadTimeout").told == "no answer"


@given(st.sampled_from([0, 429, 500, 503]), st.integers(1, 1000), st.floats(0, 1), st.none() | st.floats(0, 86_400))
def test_a_pause_is_never_shorter_than_asked_for_and_never_endless(
    status: int, failures: int, spread: float, retry_after: float | None
) -> None:
    pause = pause_after(Reply(status, NOW, retry_after=retry_after), failures, spread)
    assert pause >= (retry_after or 0)
    assert pause <= max(LONGEST_BACKOFF, (retry_after or 0) + 1)


def test_a_pause_grows_with_every_failure() -> None:
    pauses = [pause_after(Reply(503, NOW), failures, 0.5) for failures in range(1, 12)]
    assert pauses == sorted(pauses)
    assert pauses[0] < 1
    assert pauses[-1] == LONGEST_BACKOFF * 0.75


def test_a_service_that_keeps_naming_a_time_too_short_is_left_alone_for_longer() -> None:
    told = Reply(429, NOW, retry_after=0)
    assert pause_after(told, 1, 0.5) == 0.5
    assert pause_after(told, 6, 0.5) == pause_after(Reply(429, NOW), 5, 0.5) == 60


def test_a_full_bucket_is_left_alone_for_five_to_ten_minutes() -> None:
    full = Reply(500, NOW, message="the bucket is full", retry_after=1)
    assert (pause_after(full, 1, 0.0), pause_after(full, 9, 1.0)) == (300, 600)
