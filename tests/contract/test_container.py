"""What every container of blobs does, the twin as Azure."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from shared.model.errors import Changed, DropChanged, LeaseLost, Missing, Present, StorageError
from shared.model.runs import DropVersion, new_run
from shared.stores.blobs import BlobContainer
from shared.stores.container import BLOCK_BYTES, Container, RunFiles
from tests.contract.conftest import PIECE

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


def put(container: Container, path: str, data: bytes) -> None:
    with container.writer(path) as file:
        file.write(data)


def fail_after(container: Container, size: int) -> None:
    with container.writer("d") as file:
        file.write(bytes(size))
        raise ZeroDivisionError


def content(container: Container, path: str) -> bytes:
    return b"".join(container.read(path))


def test_what_was_written_is_read_back(container: Container) -> None:
    put(container, "employees/Drop ü#1.csv", b"a,b\n1,2\n")
    assert content(container, "employees/Drop ü#1.csv") == b"a,b\n1,2\n"


def test_an_empty_blob_is_there_and_empty(container: Container) -> None:
    put(container, "empty", b"")
    assert content(container, "empty") == b""
    assert b"".join(container.read("empty", 0, 10)) == b""
    assert container.drop("empty").version.size == 0
    assert b"".join(container.drop("empty").chunks()) == b""


@pytest.mark.parametrize("read", [lambda c: list(c.read("no")), lambda c: c.get("no"), lambda c: c.drop("no")])
def test_a_blob_that_is_not_there_is_missing(container: Container, read: object) -> None:
    with pytest.raises(Missing, match="no"):
        read(container)  # type: ignore[operator]


def test_a_folder_of_an_account_for_sftp_is_no_blob(container: Container) -> None:
    if isinstance(container, BlobContainer):  # the twin has none to list
        container.__dict__["_client"].upload_blob("employees", b"", metadata={"hdi_isfolder": "true"})
        container.__dict__["_client"].upload_blob("marked.csv", b"1", metadata={"by": "payroll"})
    put(container, "employees/today.csv", b"1")
    assert [each.path for each in container.versions("employees")] == ["employees/today.csv"]
    assert len(list(container.versions())) == 1 + isinstance(container, BlobContainer)


def test_only_the_version_that_was_seen_is_deleted(container: Container) -> None:
    put(container, "employees/today.csv", b"1")
    (old,) = container.versions()
    put(container, "employees/today.csv", b"2")
    assert not container.delete_version(old)
    assert content(container, "employees/today.csv") == b"2"
    (new,) = container.versions()
    assert container.delete_version(new)
    assert list(container.versions()) == []
    assert not container.delete_version(new)


def test_a_drop_names_its_version(container: Container) -> None:
    put(container, "employees/today.csv", b"12345")
    version = container.drop("employees/today.csv").version
    assert (version.path, version.size) == ("employees/today.csv", 5)
    assert version.etag
    assert '"' not in version.etag
    assert version.last_modified.utcoffset() == timedelta(0)
    assert version.last_modified.microsecond == 0
    assert list(container.versions("employees/")) == [version]


def test_versions_are_those_under_the_prefix(container: Container) -> None:
    for path in ("a/1", "a/2", "ab/3", "b/4"):
        put(container, path, b"x")
    assert [version.path for version in container.versions("a/")] == ["a/1", "a/2"]
    assert [version.path for version in container.versions()] == ["a/1", "a/2", "ab/3", "b/4"]
    assert list(container.versions("zzz")) == []


def test_a_drop_overwritten_before_it_is_read_has_changed(container: Container) -> None:
    put(container, "d", b"old")
    drop = container.drop("d")
    put(container, "d", b"new")
    with pytest.raises(DropChanged, match="its next version"):
        list(drop.chunks())
    assert container.drop("d").version.etag != drop.version.etag


def test_a_drop_overwritten_while_it_is_read_has_changed(container: Container) -> None:
    put(container, "d", b"x" * PIECE * 4)
    chunks = iter(container.drop("d").chunks())
    next(chunks)
    put(container, "d", b"y" * PIECE * 4)
    with pytest.raises(DropChanged):
        list(chunks)


def test_a_range_is_read(container: Container) -> None:
    data = bytes(range(256)) * 1024
    put(container, "d", data)
    assert b"".join(container.read("d", 1000, 5)) == data[1000:1005]
    assert b"".join(container.read("d", 10, PIECE * 2)) == data[10 : 10 + PIECE * 2]
    assert b"".join(container.read("d", len(data) - 3)) == data[-3:]


def test_beyond_the_end_there_is_nothing(container: Container) -> None:
    put(container, "d", b"12345")
    assert b"".join(container.read("d", 3, 100)) == b"45"
    assert b"".join(container.read("d", 5, 100)) == b""
    assert b"".join(container.read("d", 500, 1)) == b""


@pytest.mark.parametrize("size", [BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES])
def test_a_large_blob_is_written_in_blocks(container: Container, size: int) -> None:
    data = bytes(size)
    with container.writer("large") as file:
        for at in range(0, size, 1_000_000):
            file.write(data[at : at + 1_000_000])
    assert container.drop("large").version.size == size


def test_a_blob_of_whole_blocks_is_written(container: Container) -> None:
    with container.writer("large") as file:
        file.write(bytes(BLOCK_BYTES))
        file.write(b"1" * BLOCK_BYTES)
    assert content(container, "large") == bytes(BLOCK_BYTES) + b"1" * BLOCK_BYTES


@pytest.mark.parametrize("size", [10, BLOCK_BYTES + 10])
def test_a_writer_that_fails_leaves_what_was_there(container: Container, size: int) -> None:
    put(container, "d", b"old")
    with pytest.raises(ZeroDivisionError):
        fail_after(container, size)
    assert content(container, "d") == b"old"


def test_a_writer_that_fails_makes_no_blob(container: Container) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_after(container, BLOCK_BYTES + 10)
    assert list(container.versions()) == []


def test_two_writers_of_one_blob_never_mix(container: Container) -> None:
    with suppress(Changed), container.writer("d") as one:  # Azure refuses it, the twin writes all of it
        one.write(b"1" * BLOCK_BYTES)
        with container.writer("d") as two:
            two.write(b"2" * BLOCK_BYTES)
            two.write(b"2")
        assert content(container, "d") == b"2" * (BLOCK_BYTES + 1)
    assert content(container, "d") in (b"1" * BLOCK_BYTES, b"2" * (BLOCK_BYTES + 1))


def test_a_blob_is_put_only_where_none_is(container: Container) -> None:
    etag = container.put("s", b"1", None)
    assert container.get("s") == (b"1", etag)
    with pytest.raises(Present):
        container.put("s", b"2", None)
    assert content(container, "s") == b"1"


def test_a_blob_is_put_only_over_the_version_that_was_read(container: Container) -> None:
    first = container.put("s", b"1", None)
    second = container.put("s", b"2", first)
    with pytest.raises(Changed):
        container.put("s", b"3", first)
    assert container.get("s") == (b"2", second)
    with pytest.raises(Changed):
        container.put("none", b"1", first)


def test_of_two_who_put_over_one_version_one_wins(container: Container) -> None:
    etag = container.put("s", b"0", None)
    won: list[int] = []

    def write(number: int) -> None:
        try:
            container.put("s", b"%d" % number, etag)
            won.append(number)
        except Changed:
            return

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert content(container, "s") == b"%d" % won[0]


def test_a_lease_is_held_by_one(container: Container) -> None:
    lease = container.lease("locks/sending")
    assert lease is not None
    assert container.lease("locks/sending") is None
    lease.keep()
    lease.keep()
    assert container.lease("locks/sending") is None
    lease.release()
    lease.release()
    other = container.lease("locks/sending")
    assert other is not None
    other.release()


def test_a_lease_that_was_given_back_cannot_be_kept(container: Container) -> None:
    lease = container.lease("l")
    assert lease is not None
    lease.release()
    with pytest.raises(LeaseLost):
        lease.keep()


def test_releasing_a_lost_lease_does_not_take_it_from_its_new_holder(container: Container) -> None:
    first = container.lease("l")
    assert first is not None
    first.release()
    second = container.lease("l")
    assert second is not None
    first.release()
    assert container.lease("l") is None
    second.keep()


def test_a_leased_blob_is_not_overwritten(container: Container) -> None:
    assert container.lease("l") is not None
    with pytest.raises(StorageError):
        container.put("l", b"x", container.get("l")[1])
    assert container.get("l")[0] == b""


def test_of_many_who_want_a_new_lease_one_gets_it(container: Container) -> None:
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(container.lease("new"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([lease for lease in got if lease is not None]) == 1
    assert len(got) == 4


def test_the_files_of_a_run_stand_in_its_folder(container: Container) -> None:
    run = new_run(DropVersion("employees/x.csv", "0x1", NOW, 1), NOW)
    files = RunFiles(container)
    with files.writer(run, "requests.ndjson") as file:
        file.write(b"0123456789")
    with files.writer(run, "plan.json") as file:
        file.write(b"{}")
    assert files.names(run) == ["plan.json", "requests.ndjson"]
    assert files.read_range(run, "requests.ndjson", 2, 3) == b"234"
    assert b"".join(files.read(run, "plan.json")) == b"{}"
    assert content(container, f"employees/{run.run_id}/plan.json") == b"{}"
    with pytest.raises(Missing):
        list(files.read(run, "outcome.csv"))


def test_a_file_of_a_run_has_another_etag_after_each_writing(container: Container) -> None:
    run = new_run(DropVersion("employees/x.csv", "0x1", NOW, 1), NOW)
    files = RunFiles(container)
    seen = set()
    for _ in range(2):
        with files.writer(run, "requests.ndjson") as file:
            file.write(b"the same")
        seen.add(files.etag(run, "requests.ndjson"))
    assert len(seen) == 2
    with pytest.raises(Missing):
        files.etag(run, "plan.json")


def test_a_blob_is_taken_out_and_taking_it_out_again_does_no_harm(container: Container) -> None:
    container.put("a/b", b"x", None)
    container.put("a/c", b"x", None)
    container.delete("a/b")
    container.delete("a/b")
    assert [version.path for version in container.versions()] == ["a/c"]
