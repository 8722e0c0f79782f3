"""What every table does, the twin as Azure."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.model.errors import Changed, Missing, Present, StorageError
from shared.stores.table import Query, Table, _most_bytes, joined, pieces, size_of, table_key

NOW = datetime(2026, 11, 2, 6, 0, 1, 250000, tzinfo=UTC)
STRANGE = [
    "O'Neil",
    "a/b\\c#d?e",
    "100%",
    "x y",
    "tab\tnewline\n",
    "Ångström",
    "名前",
    "😀",
    "+&=;,'\"",
    "\x00\x7f\u2028",
]


def entity(partition: str, row: str, **values: Any) -> dict[str, Any]:
    return {"PartitionKey": partition, "RowKey": row, **values}


def keys(table: Table, **query: Any) -> list[tuple[str, str]]:
    return [(row.entity["PartitionKey"], row.entity["RowKey"]) for row in table.rows(Query(**query))]


def test_an_entity_comes_back_as_it_went_in(table: Table) -> None:
    values = {"text": "O'Neil 😀", "number": 7, "flag": True, "at": NOW, "big": 2**31 - 1, "ratio": 0.5}
    table.insert(entity("p", "r", **values))
    found = table.get("p", "r")
    assert found.entity == entity("p", "r", **values)
    assert found.etag


def test_an_empty_property_is_not_kept(table: Table) -> None:
    table.insert(entity("p", "r", nothing=None, empty=""))
    assert table.get("p", "r").entity == entity("p", "r", empty="")
    assert next(iter(table.rows(Query(select=("nothing", "empty"))))).entity == entity("p", "r", empty="")


def test_an_entity_is_inserted_once(table: Table) -> None:
    table.insert(entity("p", "r", n=1))
    with pytest.raises(Present):
        table.insert(entity("p", "r", n=2))
    assert table.get("p", "r").entity["n"] == 1


def test_what_is_not_there_is_missing(table: Table) -> None:
    with pytest.raises(Missing):
        table.get("p", "r")
    with pytest.raises(Missing):
        table.replace(entity("p", "r"), 'W/"1"')


def test_an_entity_is_replaced_as_a_whole_and_only_in_the_version_read(table: Table) -> None:
    first = table.insert(entity("p", "r", n=1, old="x"))
    second = table.replace(entity("p", "r", n=2), first)
    assert second != first
    with pytest.raises(Changed):
        table.replace(entity("p", "r", n=3), first)
    found = table.get("p", "r")
    assert (found.entity, found.etag) == (entity("p", "r", n=2), second)


def test_of_two_who_replace_one_version_one_wins(table: Table) -> None:
    etag = table.insert(entity("p", "r", n=0))
    won: list[int] = []

    def write(number: int) -> None:
        try:
            table.replace(entity("p", "r", n=number), etag)
            won.append(number)
        except Changed:
            return

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert table.get("p", "r").entity["n"] == won[0]


def test_many_entities_of_several_partitions_are_written(table: Table) -> None:
    table.upsert(entity(f"p{number % 3}", f"{number:04d}", n=number) for number in range(350))
    assert len(keys(table)) == 350
    assert keys(table, partition="p1") == [("p1", f"{number:04d}") for number in range(1, 350, 3)]
    table.upsert(entity("p1", f"{number:04d}", n=-number) for number in range(1, 350, 3))
    assert table.get("p1", "0349").entity["n"] == -349
    assert len(keys(table)) == 350


def test_of_one_key_twice_in_a_batch_the_last_counts(table: Table) -> None:
    table.upsert([entity("p", "r", n=1), entity("p", "s", n=1), entity("p", "r", n=2, more="x")])
    assert table.get("p", "r").entity == entity("p", "r", n=2, more="x")


def test_an_upsert_replaces_as_a_whole(table: Table) -> None:
    table.upsert([entity("p", "r", old=1)])
    table.upsert([entity("p", "r", new=1)])
    assert table.get("p", "r").entity == entity("p", "r", new=1)


def test_nothing_to_write_is_nothing(table: Table) -> None:
    table.upsert([])
    table.delete([])
    assert keys(table) == []


@pytest.mark.parametrize("character", ["x", "é", "世", "😀", '"'])
def test_transactions_stay_below_what_the_service_takes(table: Table, character: str) -> None:
    text = character * 30_000
    rows = [entity("p", f"{number:03d}", **pieces("t", text + str(number))) for number in range(30)]
    table.upsert(rows)
    assert [joined("t", row.entity) for row in table.rows(Query(partition="p"))] == [
        text + str(number) for number in range(30)
    ]


def test_rows_are_found_by_range(table: Table) -> None:
    table.upsert([entity("p", key) for key in ("a", "b", "c", "~turn")] + [entity("q", "b")])
    assert keys(table, partition="p", low="b", high="~") == [("p", "b"), ("p", "c")]
    assert keys(table, low="b", high="c") == [("p", "b"), ("q", "b")]
    assert keys(table, high="b") == [("p", "a")]
    assert keys(table, partition="none") == []


def test_rows_are_found_by_a_column(table: Table) -> None:
    table.upsert([entity("p", "1", state="sent"), entity("p", "2", state="O'Neil"), entity("p", "3")])
    assert keys(table, column="state", texts=("sent",)) == [("p", "1")]
    assert keys(table, column="state", texts=("O'Neil", "sent")) == [("p", "1"), ("p", "2")]
    assert keys(table, column="state", texts=("' or 1 eq 1 or state eq '",)) == []
    assert keys(table, column="state", texts=()) == []
    assert keys(table, partition="q", column="state", texts=("sent",)) == []


def test_only_what_was_asked_for_comes_back(table: Table) -> None:
    table.insert(entity("p", "r", a=1, b=2))
    assert [row.entity for row in table.rows(Query(select=("b",)))] == [entity("p", "r", b=2)]


def test_more_rows_than_a_page_come_back_in_order(table: Table) -> None:
    table.upsert(entity("p", f"{number:04d}") for number in reversed(range(1100)))
    assert [row for _, row in keys(table)] == [f"{number:04d}" for number in range(1100)]


def test_taking_out_what_is_not_there_does_no_harm(table: Table) -> None:
    table.insert(entity("p", "r"))
    table.delete([("p", "r"), ("p", "r"), ("q", "x")])
    assert keys(table) == []


def test_any_text_can_be_a_key(table: Table) -> None:
    for text in STRANGE:
        table.insert(entity(table_key(text), table_key(text), text=text))
    for text in STRANGE:
        assert table.get(table_key(text), table_key(text)).entity["text"] == text
        assert keys(table, partition=table_key(text)) == [(table_key(text), table_key(text))]
    table.upsert(entity("p", table_key(text), text=text) for text in STRANGE)
    assert {str(row.entity["text"]) for row in table.rows(Query(partition="p"))} == set(STRANGE)


@pytest.mark.parametrize("text", ["\x01" * 400, "名" * 600, "😀" * 300, "/" * 400 + "a", "/" * 400 + "b"])
def test_a_text_too_long_for_a_key_fits_with_a_time_before_it(table: Table, text: str) -> None:
    table.insert(entity("p", f"235959_{table_key(text)}"))
    assert len(keys(table)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        entity("p", "a/b"),
        entity("p\n", "r"),
        entity("p", "x" * 513),
        entity("p", "r", text="x" * 33_000),
        entity("p", "r", text="😀" * 16_500),
        entity("p", "r", number=2**31),
        entity("p", "r", **{f"t{number}": "x" * 32_000 for number in range(17)}),
    ],
)
def test_what_the_service_would_refuse_is_refused_here(table: Table, wrong: dict[str, Any]) -> None:
    with pytest.raises(StorageError):
        table.insert(wrong)
    with pytest.raises(StorageError):
        table.upsert([entity("p", "good"), wrong])
    assert keys(table) == []


@pytest.mark.parametrize(("character", "properties"), [("x", 15), ("世", 5)])
def test_an_entity_near_the_limit_is_taken(table: Table, character: str, properties: int) -> None:
    large = entity("p", "r", **{f"t{number}": character * 32_000 for number in range(properties)})
    assert 900_000 < size_of(large) < 1_000_000
    table.upsert([large, entity("p", "s")])
    assert table.get("p", "r").entity == large


def test_rows_are_found_by_a_range_of_partitions(table: Table) -> None:
    table.upsert(entity(partition, "r") for partition in ("a_1", "a_2", "a_3", "b"))
    assert keys(table, partitions=("a_", "a_3")) == [("a_1", "r"), ("a_2", "r")]


def test_many_are_taken_out_also_when_some_are_gone(table: Table) -> None:
    table.upsert(entity("p", f"{number:03d}") for number in range(250))
    table.delete([("p", "007"), ("p", "199")])
    table.delete([("p", f"{number:03d}") for number in range(249)])
    assert keys(table) == [("p", "249")]


@pytest.mark.parametrize("text", ["x" * 900, "\x01" * 900, '"\\' * 400, "é世😀" * 200, ""])
def test_the_quick_measure_of_an_entity_is_never_too_small(text: str) -> None:
    found = entity("p", "r", a=text, b=text, number=-5, moment=NOW, flag=True)
    assert _most_bytes(found) >= size_of(found)
