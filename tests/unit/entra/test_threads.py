"""Many callers at once on one core."""

import threading
from collections.abc import Callable

from tests.unit.entra.world import World, person


def together(*works: Callable[[], None]) -> list[BaseException]:
    """Run all at once; what went wrong."""
    wrong: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # handed to the test, which fails on it
            wrong.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert not any(each.is_alive() for each in threads)
    return wrong


def test_uploads_cycles_and_readers_at_once_lose_nobody(world: World) -> None:
    def uploads(letter: str) -> Callable[[], None]:
        def work() -> None:
            for number in range(40):
                world.upload(person(f"{letter}{number}"))

        return work

    def ticks() -> None:
        world.entra.tick(20)

    def reads() -> None:
        for _ in range(20):
            world.log(top="5")

    assert together(uploads("a"), uploads("b"), uploads("c"), ticks, reads) == []
    world.entra.tick()
    assert len(world.users()) == 120
    assert world.entra.dump_stats()["uploads"] == 120


def test_ticks_and_resets_over_http_do_not_wait_for_each_other_for_ever(world: World) -> None:
    def post(path: str) -> Callable[[], None]:
        def work() -> None:
            for _ in range(30):
                world.client.post(f"/_emulator/{path}")

        return work

    assert together(post("tick"), post("reset"), post("tick"), post("reset")) == []
