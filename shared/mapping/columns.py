"""Mapping many records at once, a column at a time: the users that `Mapping.person` makes, in a fraction of the time.

Enters: a batch of records. Leaves: the encoded SCIM user of each and whether it is active, but for the records that
have to be looked at by themselves, since something is wrong with them. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.files.records import Batch
from shared.mapping.json_columns import Filled, Member, Shape, encoded
from shared.mapping.mapping import Mapping, Slot
from shared.mapping.rules import ABSENT, BadValue, Reading, compile_rule, compile_texts
from shared.model.limits import KEY_LENGTH

Cells = Sequence[Sequence[str]]  # a column each
Reader = Callable[[Batch, Cells], Filled]
"""The values of one attribute in all records of a batch."""

BAD = object()  # the cell does not do
_KEPT = 20_000  # answers a column remembers
FEW = 2_000  # different cells, up to which it is quicker to remember than to look at each: towns, titles, departments
_LONG = 200  # characters of a cell that is not remembered
_WRITTEN_OTHERWISE = re.compile(r'["\\\x00-\x1f]')  # characters that JSON writes in another way


@dataclass(frozen=True)
class Mapped:
    """The people of a batch, each by its place there: the SCIM user as JSON, and whether it is active."""

    users: list[bytes]
    active: list[bool]
    bad: set[int]  # places of those who have to be looked at by themselves


class Columns:
    """A mapping, ready for many records at once."""

    def __init__(self, mapping: Mapping, few: int = FEW) -> None:
        self._key_position = mapping.key_position
        self._readers = [_reader(slot, mapping.width, few) for slot in mapping.slots]
        self._active = next(at for at, slot in enumerate(mapping.slots) if slot.attribute.is_boolean)
        self._managers = _managers(next((slot for slot in mapping.slots if slot.attribute.is_reference), None), mapping)
        self._shape = Shape(mapping.schemas, [Member.of(slot.attribute) for slot in mapping.slots])

    def keys(self, batch: Batch) -> list[str]:
        """The key of each record, "" where the cell is empty."""
        return list(map(str.strip, batch.column(self._key_position)))

    def managers(self, batch: Batch) -> set[str]:
        """The keys of the managers of these records; there may be a "" among them."""
        return self._managers(batch)

    def people(self, batch: Batch, keys: Sequence[str]) -> Mapped:
        """The people of these records, whose keys these are."""
        if not batch.lines:
            return Mapped([], [], set())
        cells = list(zip(*batch.rows, strict=True))
        found = [read(batch, cells) for read in self._readers]
        bad = _bad_keys(keys).union(*(each.bad for each in found))
        users = self._shape.users(_filled(keys, "" in keys, b'""', batch), found)
        return Mapped(users, [text == b"true" for text in found[self._active].values], bad)


def _bad_keys(keys: Sequence[str]) -> set[int]:
    if "" not in keys and max(map(len, keys), default=0) <= KEY_LENGTH and "".join(keys).isprintable():
        return set()
    return {at for at, key in enumerate(keys) if not key or len(key) > KEY_LENGTH or not key.isprintable()}


def _managers(slot: Slot | None, mapping: Mapping) -> Callable[[Batch], set[str]]:
    if slot is None:
        return lambda batch: set()
    if slot.rule.column is None:
        return lambda batch: set(map(mapping.manager, batch.rows))
    at, read = slot.position[slot.rule.column], compile_rule(slot.attribute, slot.rule, {slot.rule.column: 0})
    key_of = _Memory(lambda cell: key if isinstance(key := _value(read, (cell,)), str) else "").__getitem__
    return lambda batch: set(map(key_of, set(batch.column(at))))


def _reader(slot: Slot, width: int, few: int) -> Reader:
    """The reading of one attribute for many records."""
    rule = slot.rule
    if rule.constant is not None:
        constant = encoded(rule.constant)
        return lambda batch, cells: Filled([constant] * len(batch.lines), has_gaps=False)
    if rule.column is None:
        return _texts(slot, width) if slot.is_text else lambda batch, cells: _rows_each(slot.read, batch)
    read, at = compile_rule(slot.attribute, rule, {rule.column: 0}), slot.position[rule.column]
    memory = _Memory(lambda cell: _json(read, (cell,)))
    if not slot.is_text:
        return lambda batch, cells: memory.values_of(cells[at])
    texts = _texts(slot, width)
    return lambda batch, cells: memory.values_of(cells[at]) if memory.asked < few else texts(batch, cells)


def _value(read: Reading, row: Sequence[str]) -> Any:
    try:
        return read(row)
    except BadValue:
        return BAD


def _json(read: Reading, row: Sequence[str]) -> Any:
    """The value as JSON, b"" where the attribute is left out, BAD where the cells do not do."""
    found = _value(read, row)
    return b"" if found is ABSENT else found if found is BAD else encoded(found)


def _rows_each(read: Reading, batch: Batch) -> Filled:
    """Each row asked by itself."""
    return _each([_json(read, row) for row in batch.rows])


def _each(values: list[Any]) -> Filled:
    if BAD not in values:
        return Filled(values, b"" in values)
    bad = [at for at, value in enumerate(values) if value is BAD]
    for at in bad:
        values[at] = b""
    return Filled(values, has_gaps=True, bad=bad)


def _texts(slot: Slot, width: int) -> Reader:
    """A text of which only its shape is checked: nothing is to be decided for each cell while all of them fit."""
    texts_of, attribute = compile_texts(slot.rule, slot.position), slot.attribute
    longest = slot.rule.max_length or attribute.length
    fit = _fit(attribute.shape[0]) if attribute.shape else None
    empty = _json(slot.read, [""] * width)
    is_literal = not _WRITTEN_OTHERWISE.search(slot.rule.template or "")

    def read(batch: Batch, cells: Cells) -> Filled:
        found = texts_of(cells)
        lengths = set(map(len, found))
        has_gaps = 0 in lengths
        if (
            (empty is BAD and has_gaps)
            or (longest is not None and max(lengths) > longest)
            or (fit is not None and not fit(list(filter(None, found)) if has_gaps else found))
        ):
            return _rows_each(slot.read, batch)
        return _filled(found, has_gaps, empty, batch if is_literal else None)

    return read


def _fit(shape: re.Pattern[str]) -> Callable[[Sequence[str]], bool]:
    """Whether texts have this shape, asked once for all of them. One that has a line end in it may count as none."""
    fit = re.compile(f"(?:(?:{shape.pattern})\n)*+").fullmatch

    def asked(texts: Sequence[str]) -> bool:
        lines = "\n".join([*texts, ""])
        return lines.count("\n") == len(texts) and fit(lines) is not None

    return asked


def _filled(texts: Sequence[str], has_gaps: bool, empty: Any, batch: Batch | None) -> Filled:
    """These texts, and this JSON for those that are empty."""
    is_literal = (batch is not None and batch.is_literal) or not _WRITTEN_OTHERWISE.search("".join(texts))
    if is_literal and (empty == b"" or not has_gaps):
        return Filled(list(map(str.encode, texts)), has_gaps, is_text=True)
    has_gaps = has_gaps and empty == b""
    return Filled([encoded(text) if text else empty for text in texts], has_gaps)


class _Memory(dict[str, Any]):
    """What a question answered to each cell: a cell that stood there before has the same value."""

    def __init__(self, ask: Callable[[str], Any]) -> None:
        super().__init__()
        self._ask = ask
        self._all_filled = True
        self.asked = 0

    def __missing__(self, cell: str) -> Any:
        answer = self._ask(cell)
        self.asked += 1
        self._all_filled = self._all_filled and answer is not BAD and bool(answer)
        if len(self) >= _KEPT:
            self.clear()
        if len(cell) <= _LONG:
            self[cell] = answer
        return answer

    def values_of(self, cells: Sequence[str]) -> Filled:
        """The answers to these cells, which are JSON or BAD."""
        values = list(map(self.__getitem__, cells))
        return Filled(values, has_gaps=False) if self._all_filled else _each(values)
