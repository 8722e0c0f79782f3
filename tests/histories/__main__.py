"""Play many histories, tell what occurred and what broke: see `tests.histories` for the whole.

    python -m tests.histories --count 10000 --seconds 590 --seed 0 --processes 2  # again: goes on where it stopped
    python -m tests.histories --count 1 --seed 421 --story          # one history, with its story and its violations
    python -m tests.histories --keep-going --ignore "I3 ended"      # one shrunk history for each kind of failure
    python -m tests.histories --without "dial cycle_order"          # leave out what a label of the table names

History number n of `--seed s` is drawn from the number s + n, so any of them is played alone with `--count 1`. Exit
code 1: a promise was broken, or an action or pair occurred too rarely.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from tests.histories.actions import History
from tests.histories.draw import draw
from tests.histories.invariants import Violation
from tests.histories.parts import Asked, Found, keep, kept, kept_in, play_part, shrunk
from tests.histories.run import run
from tests.histories.story import as_sentences, pasteable
from tests.histories.table import Table
from tests.histories.world import product_in_small

PART = 25
ENOUGH_TO_COUNT = 2_000  # histories, from which on a rare action is a failure


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit code."""
    options = _options().parse_args(arguments)
    asked = Asked(_names(options.ignore), _names(options.without))
    os.environ["PYTHONHASHSEED"] = "0"  # of the processes that play: the order of a set is the same every time
    if options.story:
        return _story(options.seed + options.start, asked)
    file = kept_in(Path(".cache/histories"), options.seed, options.start, options.count, asked)
    found = Found() if options.fresh else kept(file)
    began = time.time()
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as pool:
        for part in _parts(pool, options, asked, began, found.parts):
            found.update(part)
            _progress(found, began)
            if found.failures and not options.keep_going:
                pool.shutdown(wait=True, cancel_futures=True)
                break
    keep(found, file)
    left = options.count - options.start - found.table.histories
    more = f"; {left} are left: the same command goes on" if left and not found.failures else ""
    print(f"\n{found.table.histories} histories, the last of them in {time.time() - began:.0f} s{more}\n")
    print("\n".join(found.table.lines()))
    _tell(found)
    _shrink_each(found, asked, options.shrink_seconds, options.groups)
    return int(bool(found.failures) or (not left and _too_few(found.table)))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tests.histories", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--count", type=int, default=10_000, help="how many histories")
    parser.add_argument("--seconds", type=float, default=590, help="stop after this time, shrinking included")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first history")
    parser.add_argument("--start", type=int, default=0, help="how many histories to leave out at the beginning")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="do not go on where an earlier command stopped")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first failure")
    parser.add_argument("--ignore", default="", help="names of violations that do not count, with commas")
    parser.add_argument("--without", default="", help="labels of actions that are left out, with commas")
    parser.add_argument("--groups", type=int, default=6, help="how many names of violations to shrink one failure of")
    parser.add_argument("--shrink-seconds", type=float, default=40, help="for each shrinking")
    parser.add_argument("--story", action="store_true", help="tell the first history and its violations, no more")
    return parser


def _names(text: str) -> frozenset[str]:
    return frozenset(each.strip() for each in text.split(",") if each.strip())


def _parts(
    pool: ProcessPoolExecutor, options: argparse.Namespace, asked: Asked, began: float, played: Collection[int]
) -> Iterator[Found]:
    """The parts as they are played, two a process under way, but for those that were played before."""
    reserve = options.shrink_seconds if options.seconds > 2 * options.shrink_seconds else 0
    ends_at = began + options.seconds - reserve
    last = options.seed + options.count
    firsts = [first for first in range(options.seed + options.start, last, PART) if first not in played]
    under_way: set[Future[Found]] = set()
    while under_way or (firsts and time.time() < ends_at):
        while firsts and len(under_way) < 2 * options.processes and time.time() < ends_at:
            first = firsts.pop(0)
            under_way.add(pool.submit(play_part, first, min(PART, last - first), asked, ends_at))
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        yield from (each.result() for each in done)


def _progress(found: Found, began: float) -> None:
    count, passed = found.table.histories, time.time() - began
    print(f"\r{count} histories, {len(found.failures)} failures, {passed:.0f} s", end="", file=sys.stderr, flush=True)


def _tell(found: Found) -> None:
    for title, counts in (
        ("histories by what they broke", found.names),
        ("people compared, and not compared", found.excluded),
        ("what really happened", found.happened),
    ):
        print(f"\n{title}")
        for name, count in counts.most_common():
            print(f"  {count:>9} {name}")
    for seed, violations in sorted(found.failures, key=lambda each: each[0])[:20]:
        print(f"\nhistory {seed}: " + "; ".join(f"{each.name}: {each.text}" for each in violations[:3]))
    if few := found.table.too_few():
        print("\ntoo rare:\n  " + "\n  ".join(few))


def _too_few(table: Table) -> bool:
    return table.histories >= ENOUGH_TO_COUNT and bool(table.too_few())


def _shrink_each(found: Found, asked: Asked, seconds: float, groups: int) -> None:
    """One shrunk history of each name, the first one found."""
    firsts: dict[str, int] = {}
    for seed, violations in sorted(found.failures, key=lambda each: each[0]):
        for violation in violations:
            firsts.setdefault(violation.name, seed)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        chosen = list(firsts.items())[:groups]
        futures = [pool.submit(shrunk, seed, name, asked.without, seconds) for name, seed in chosen]
        for (name, seed), future in zip(chosen, futures, strict=True):
            print(f"\n{'=' * 100}\n{name}, first in history {seed}; shrunk:\n")
            _print_history(*future.result())


def _print_history(history: History, violations: tuple[Violation, ...]) -> None:
    print(as_sentences(history))
    print()
    for violation in violations:
        print(f"  {violation.name}: {violation.text}")
    print(f"\n{pasteable(history)}")


def _story(seed: int, asked: Asked) -> int:
    with product_in_small():
        history = draw(seed, asked.without)
        result = run(history)
    _print_history(history, result.violations)
    return int(result.is_failure(asked.ignored))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
