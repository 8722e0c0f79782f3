"""Lanes and chunks: the order of sending."""

from __future__ import annotations

import json

import msgspec
import pytest

from shared.model.limits import MAX_OPERATIONS
from shared.model.plan import Action, Lane
from shared.planning.lanes import ChunkCutter, Planned
from shared.run_folder.folder import read_people


class Sheet:
    """What was written."""

    def __init__(self) -> None:
        self.text = b""

    def write(self, data: bytes) -> None:
        self.text += data


def cutter() -> tuple[ChunkCutter, Sheet, Sheet]:
    requests, people = Sheet(), Sheet()
    return ChunkCutter("employees-20261102T060000Z-abc", requests, people), requests, people


def person(number: int, action: Action = Action.NEW) -> Planned:
    user = {"externalId": f"p{number}", "active": True}
    return Planned(f"p{number}", number, action, msgspec.json.encode(user))


def test_leavers_go_first_then_managers_then_the_rest() -> None:
    cut, _, _ = cutter()
    for number, lane in enumerate((Lane.OTHERS, Lane.MANAGERS, Lane.LEAVERS, Lane.OTHERS)):
        cut.add(lane, person(number + 2))
    assert [(chunk.lane, chunk.operations) for chunk in cut.finish()] == [(0, 1), (1, 1), (2, 2)]


def test_a_full_chunk_of_a_later_lane_does_not_go_first() -> None:
    cut, _, _ = cutter()
    for number in range(MAX_OPERATIONS):
        cut.add(Lane.OTHERS, person(number + 2))
    cut.add(Lane.LEAVERS, person(99))
    assert [(chunk.lane, chunk.number) for chunk in cut.finish()] == [(0, 2), (2, 1)]


def test_a_chunk_holds_fifty_operations_at_most() -> None:
    cut, _, _ = cutter()
    for number in range(MAX_OPERATIONS + 1):
        cut.add(Lane.OTHERS, person(number + 2))
    assert [chunk.operations for chunk in cut.finish()] == [50, 1]


def test_exactly_fifty_make_one_chunk() -> None:
    cut, _, _ = cutter()
    for number in range(MAX_OPERATIONS):
        cut.add(Lane.OTHERS, person(number + 2))
    assert [chunk.operations for chunk in cut.finish()] == [50]


def test_nobody_makes_no_chunk() -> None:
    cut, requests, people = cutter()
    cut.pass_over("p1", 2)
    assert cut.finish() == ()
    assert requests.text == b""
    assert people.text == b"p1,2,unchanged,0,\r\n"


def test_offset_and_length_lead_to_the_line_of_a_chunk() -> None:
    cut, requests, _ = cutter()
    for number in range(130):
        cut.add(Lane(number % 3), person(number + 2))
    for chunk in cut.finish():
        body = json.loads(requests.text[chunk.offset : chunk.offset + chunk.length])
        assert len(body["Operations"]) == chunk.operations
        assert requests.text[chunk.offset + chunk.length :][:1] == b"\n"


@pytest.mark.parametrize("at_once", [1, 2, 49, 580])
def test_the_numbers_of_chunks_do_not_hang_on_how_many_people_come_at_once(at_once: int) -> None:
    people = [(Lane((number * number) % 3), person(number + 2)) for number in range(1_003)]
    alone, requests, told = cutter()
    for lane, planned in people:
        alone.add(lane, planned)
    cut, requests_at_once, told_at_once = cutter()
    for start in range(0, len(people), at_once):
        lanes, planned_ones = zip(*people[start : start + at_once], strict=True)
        cut.add_all(lanes, [list(column) for column in zip(*planned_ones, strict=True)])
    assert cut.finish() == alone.finish()
    assert (requests_at_once.text, told_at_once.text) == (requests.text, told.text)


def test_people_csv_keeps_the_order_of_the_operations_in_their_chunk() -> None:
    cut, requests, people = cutter()
    for number in range(130):
        cut.add(Lane(number % 3), person(number + 2))
    chunks = cut.finish()
    told = list(read_people([b"key,line,action,chunk\r\n", people.text]))
    for chunk in chunks:
        body = json.loads(requests.text[chunk.offset : chunk.offset + chunk.length])
        sent = [operation["data"]["externalId"] for operation in body["Operations"]]
        assert [each.key for each in told if each.chunk == chunk.number] == sent


def test_a_bulk_id_leads_back_to_the_line_or_to_the_absent_person() -> None:
    cut, requests, _ = cutter()
    cut.add(Lane.LEAVERS, person(7))
    absent = Planned("p9", 0, Action.ABSENT, b'{"externalId":"p9"}')
    cut.add(Lane.LEAVERS, absent)
    cut.finish()
    assert [each["bulkId"] for each in json.loads(requests.text)["Operations"]] == ["abc-7", "abc-ap9"]


def test_a_key_that_a_spreadsheet_would_run_reads_back_as_it_was() -> None:
    cut, _, people = cutter()
    for key in ("=1+1", "'=x", "-7", 'a"b,c', "山田", "a\u2028b"):
        cut.pass_over(key, 2)
    cut.finish()
    assert [each.key for each in read_people([b"h,h,h,h\r\n", people.text])] == [
        "=1+1", "'=x", "-7", 'a"b,c', "山田", "a\u2028b",
    ]  # fmt: skip
