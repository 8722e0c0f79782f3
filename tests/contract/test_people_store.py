"""people.db of each source: the store keeps it the same way in memory and in Azure."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from shared.known_people.people import People
from shared.model.errors import StorageError
from shared.stores.container import Container
from shared.stores.people_store import TRIES, PeopleBlobs


def tells(key: str, title: str = "Clerk") -> bytes:
    return msgspec.json.encode({"externalId": key, "userName": key, "active": True, "title": title})


def keys(store: PeopleBlobs, source: str = "employees") -> list[str]:
    with store.open(source) as people:
        return [known.key for known in people]


@pytest.fixture
def store(container: Container) -> PeopleBlobs:
    return PeopleBlobs(container)


def test_before_the_first_drop_nobody_is_known(store: PeopleBlobs) -> None:
    assert keys(store) == []


def test_what_was_changed_is_there_afterwards(store: PeopleBlobs) -> None:
    store.update("employees", lambda people: people.put("p1", tells("p1"), "run-1"))
    store.update("employees", lambda people: people.put("p2", tells("p2"), "run-1"))
    assert keys(store) == ["p1", "p2"]


def test_each_source_has_people_of_its_own(store: PeopleBlobs) -> None:
    store.update("employees", lambda people: people.put("p1", tells("p1"), "run-1"))
    assert keys(store, "contractors") == []


def test_what_is_written_into_people_opened_for_reading_is_thrown_away(store: PeopleBlobs) -> None:
    with store.open("employees") as people:
        people.put("p1", tells("p1"), "run-1")
    assert keys(store) == []


def test_a_change_that_fails_writes_nothing(store: PeopleBlobs) -> None:
    def fails(people: People) -> None:
        people.put("p1", tells("p1"), "run-1")
        raise StorageError("no receipt")

    with pytest.raises(StorageError, match="no receipt"):
        store.update("employees", fails)
    assert keys(store) == []


def test_of_two_writers_one_reads_again(store: PeopleBlobs) -> None:
    store.update("employees", lambda people: people.put("p0", tells("p0"), "run-1"))
    seen: list[int] = []

    def slow(people: People) -> None:
        if not seen:
            store.update("employees", lambda people: people.put("p1", tells("p1"), "run-1"))
        seen.append(len(people))
        people.put("p2", tells("p2"), "run-2")

    store.update("employees", slow)
    assert seen == [1, 2]
    assert keys(store) == ["p0", "p1", "p2"]


def test_of_two_first_writers_one_reads_again(store: PeopleBlobs) -> None:
    def slow(people: People) -> None:
        if not len(people):
            store.update("employees", lambda people: people.put("p1", tells("p1"), "run-1"))
        people.put("p2", tells("p2"), "run-2")

    store.update("employees", slow)
    assert keys(store) == ["p1", "p2"]


def test_many_writers_lose_nothing_and_whoever_gives_up_says_so(store: PeopleBlobs) -> None:
    def write(number: int) -> str:
        key = f"p{number}"
        try:
            store.update("employees", lambda people: people.put(key, tells(key), "run-1"))
        except StorageError:
            return ""
        return key

    with ThreadPoolExecutor(4) as pool:
        written = {key for key in pool.map(write, range(12)) if key}
    assert set(keys(store)) == written


def test_a_writer_that_is_overtaken_again_and_again_gives_up(store: PeopleBlobs) -> None:
    tries: list[int] = []

    def unlucky(people: People) -> None:
        tries.append(len(people))
        key = f"p{len(tries)}"
        store.update("employees", lambda people: people.put(key, tells(key), "run-1"))

    with pytest.raises(StorageError, match="changed by others"):
        store.update("employees", unlucky)
    assert len(tries) == TRIES


def test_a_blob_that_is_no_people_db_is_told_with_its_remedy(store: PeopleBlobs, container: Container) -> None:
    container.put("people/employees.db", b"something else entirely", None)
    with pytest.raises(StorageError, match=r"people/employees\.db .* earlier version"):
        keys(store)
    with pytest.raises(StorageError, match=r"people/employees\.db"):
        store.update("employees", lambda people: people.put("p1", tells("p1"), "run-1"))
