"""Windows and checkpoint: no moment of a log is ever left unread."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.collecting.checkpoint import Reach, Window, gap, next_window

FIRST = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
SECONDS = st.integers(0, 7200).map(lambda seconds: timedelta(seconds=seconds))
REACHES = st.builds(Reach, overlap=SECONDS, lag=SECONDS, longest=SECONDS.map(lambda each: each + timedelta(seconds=1)))


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_the_first_window_begins_before_the_first_call_and_ends_short_of_now() -> None:
    assert next_window(None, FIRST, FIRST + minutes(10), Reach()) == Window(FIRST - minutes(30), FIRST + minutes(8))


def test_while_nothing_can_be_there_nothing_is_read() -> None:
    assert next_window(None, FIRST, FIRST + minutes(2), Reach()) is None
    assert next_window(FIRST, FIRST, FIRST + minutes(2), Reach()) is None
    assert next_window(FIRST, FIRST, FIRST - minutes(60), Reach()) is None


def test_the_next_window_begins_at_the_checkpoint_less_the_overlap() -> None:
    assert next_window(FIRST, FIRST - minutes(99), FIRST + minutes(5), Reach()) == Window(
        FIRST - minutes(30), FIRST + minutes(3)
    )


def test_after_a_long_outage_the_log_is_read_in_pieces() -> None:
    window = next_window(FIRST, FIRST, FIRST + timedelta(days=2), Reach())
    assert window == Window(FIRST - minutes(30), FIRST + timedelta(hours=6))


def test_without_an_overlap_the_moment_of_the_checkpoint_is_still_read() -> None:
    window = next_window(FIRST, FIRST, FIRST + minutes(5), Reach(overlap=timedelta()))
    assert window is not None
    assert window.since < FIRST


@given(
    reach=REACHES,
    ticks=st.lists(st.tuples(st.integers(0, 20_000), st.booleans()), min_size=1, max_size=30),
    moment=st.integers(0, 300_000),
)
def test_every_moment_is_read_once_it_is_old_enough(reach: Reach, ticks: list[tuple[int, bool]], moment: int) -> None:
    """Ticks come when they come, some fail; in the end ticks come often enough to catch up."""
    at = FIRST + timedelta(seconds=moment)
    now, checkpoint, was_read = FIRST, None, False
    catching_up = [(3600, True)] * (1000 if reach.longest < minutes(30) else 300)
    for seconds, works in [*ticks, *catching_up]:
        now += timedelta(seconds=seconds)
        if gap(checkpoint, FIRST, now):
            return  # nobody read it for a month
        window = next_window(checkpoint, FIRST, now, reach)
        if window is None or not works:
            continue
        assert window.until <= now - reach.lag
        assert checkpoint is None or window.since < checkpoint < window.until
        assert window.since < FIRST or checkpoint is not None
        was_read = was_read or window.since < at < window.until
        checkpoint = window.until
        if checkpoint > at:
            assert was_read
            return
