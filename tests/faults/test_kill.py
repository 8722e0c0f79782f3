"""A smaller kill test than `make chaos`: the same promises, fewer kills."""

from __future__ import annotations

from tests.faults.storm import Storm


def test_a_process_killed_in_a_storm_keeps_every_promise() -> None:
    figures = Storm(kills=6, people=150, seed=11).run()
    assert not figures.broken, "\n".join(figures.lines())
    assert figures.kills == 6
    assert figures.taken > 0
