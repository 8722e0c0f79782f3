"""Parts of chunks: halving ends at the bad operation, wherever it is and whenever one stops."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.model import scim
from shared.model.runs import Answer, Chunk, Receipt
from shared.sending.parts import Part, parts_to_send

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


def chunk(operations: int, number: int = 1) -> Chunk:
    return Chunk(number, 2, 0, 100, operations)


def receipt(part: Part, answer: Answer) -> Receipt:
    return Receipt(part.chunk.number, part.start, part.stop, answer, NOW)


def test_without_receipts_every_chunk_is_sent_whole() -> None:
    chunks = [chunk(50, 2), chunk(7, 1)]
    assert list(parts_to_send(chunks, [])) == [Part(chunks[0], 0, 50), Part(chunks[1], 0, 7)]


def test_what_was_accepted_is_not_sent() -> None:
    chunks = [chunk(50, 1), chunk(50, 2)]
    assert list(parts_to_send(chunks, [receipt(Part(chunks[0], 0, 50), Answer.ACCEPTED)])) == [Part(chunks[1], 0, 50)]


def test_of_a_split_part_the_halves_are_sent() -> None:
    whole = Part(chunk(7), 0, 7)
    assert list(parts_to_send([whole.chunk], [receipt(whole, Answer.SPLIT)])) == [
        Part(whole.chunk, 0, 4),
        Part(whole.chunk, 4, 7),
    ]


def test_a_part_begins_when_the_first_call_leaves_that_entra_may_have_taken() -> None:
    part = Part(chunk(7), 0, 7)
    not_taken = replace(receipt(part, Answer.NOT_TAKEN), started_at=NOW)
    later = NOW + timedelta(days=3)
    before = [
        replace(not_taken, attempt=0),  # the call was not made
        not_taken,
        replace(not_taken, in_doubt=True),  # an earlier call got no answer
        replace(not_taken, answer=Answer.STARTED),
    ]
    started = [replace(part, before=each).started(later, "x") for each in before]
    assert [(each.started_at, each.attempt, each.in_doubt) for each in started] == [
        (later, 1, False),
        (later, 2, False),
        (NOW, 2, True),
        (NOW, 2, True),
    ]


@given(st.integers(1, 50), st.data())
def test_halving_finds_exactly_the_bad_ones_whenever_it_is_interrupted(operations: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, operations - 1), max_size=4))
    receipts: list[Receipt] = []
    calls = 0
    while parts := list(parts_to_send([chunk(operations)], receipts)):
        for part in parts[: data.draw(st.integers(1, len(parts)))]:
            calls += 1
            if not bad & set(range(part.start, part.stop)):
                receipts.append(receipt(part, Answer.ACCEPTED))
            else:
                receipts.append(receipt(part, Answer.REFUSED if part.is_single else Answer.SPLIT))
    accepted = [n for each in receipts if each.answer is Answer.ACCEPTED for n in range(each.start, each.stop)]
    refused = [each.start for each in receipts if each.answer is Answer.REFUSED]
    assert sorted(refused) == sorted(bad)
    assert sorted(accepted) == sorted(set(range(operations)) - bad)
    assert calls <= 1 + 12 * max(1, len(bad))


def test_the_body_of_a_part_is_its_operations() -> None:
    operations = [scim.operation(str(number), {"externalId": f"p{number}"}) for number in range(5)]
    line = scim.bulk_request(operations)
    assert Part(chunk(5), 0, 5).body(line) is line
    assert scim.operations_of(Part(chunk(5), 3, 5).body(line)) == operations[3:]


def test_when_the_first_call_left_is_told_by_the_clock_of_the_last_one() -> None:
    now = datetime(2026, 11, 2, 8, tzinfo=UTC)
    first = Part(chunk(50), 0, 50).started(now, "one", 3_600.0)
    assert (first.started_at, first.skew) == (now, 3_600.0)
    again = Part(chunk(50), 0, 50, first)
    later = now - timedelta(minutes=50)  # ten minutes later, by a clock that is right
    assert again.started(later, "two", 0.0).started_at == now - timedelta(hours=1)
    assert again.started(later, "two").started_at == later  # not after the present
