"""GET /auditLogs/provisioning (docs/entra.md D1, D2). Enters: OData options. Leaves: a page of the log, newest first.

$orderby is read and then ignored: its effect is reported unreliable, so nobody can come to rely on it here. $filter is
strict on purpose: an unknown field, an operator D1 does not list for it, `or`, a quoted date or an operator in capitals
is a 400. Field names are compared without case (the docs themselves write jobId and jobid), values with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from emulator.entra.log import Entry, entry_json
from emulator.entra.routes.calls import Call, Route, check_options, graph_route, selected, too_many
from emulator.entra.schema import USER_URN
from emulator.entra.wire import GraphError, Json, Response, bad_request, iso, json_response

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<word>[A-Za-z_][A-Za-z0-9_/]*)|(?P<date>\d{4}-\d{2}-\d{2}T[0-9:.]+(?:Z|[+-]\d{2}:\d{2}))"
    r"|(?P<number>-?\d+)|(?P<sign>[(),]))"
)
_TEXT = frozenset({"eq", "contains"})
_EXACT = frozenset({"eq"})
_ORDERED = frozenset({"eq", "gt", "lt", "ge", "le"})


@dataclass(frozen=True, slots=True)
class Field:
    """A field one may filter by: its operators, and where its value is."""

    operators: frozenset[str]
    value: Callable[[Entry], str | int | datetime]


_FIELDS: dict[str, Field] = {
    "id": Field(_TEXT, lambda entry: entry.id),
    "tenantid": Field(_TEXT, lambda entry: entry.origin.tenant_id),
    "jobid": Field(_TEXT | {"ne"}, lambda entry: entry.origin.job_id),
    "cycleid": Field(_TEXT | {"ne"}, lambda entry: entry.cycle_id),
    "changeid": Field(_TEXT, lambda entry: entry.change_id),
    "activitydatetime": Field(_ORDERED, lambda entry: entry.activity),
    "provisioningaction": Field(_TEXT, lambda entry: entry.action),
    "durationinmilliseconds": Field(_ORDERED, lambda entry: entry.duration),
    "sourcesystem/displayname": Field(_TEXT, lambda entry: "API"),
    "targetsystem/displayname": Field(_TEXT, lambda entry: entry.origin.target_name),
    "sourceidentity/id": Field(_TEXT, lambda entry: entry.source_id),
    "sourceidentity/displayname": Field(_TEXT, lambda entry: ""),
    "sourceidentity/identitytype": Field(_TEXT, lambda entry: USER_URN),
    "targetidentity/id": Field(_TEXT, lambda entry: entry.target_id),
    "targetidentity/displayname": Field(_TEXT, lambda entry: entry.target_name),
    "targetidentity/identitytype": Field(_TEXT, lambda entry: entry.origin.target_type),
    "serviceprincipal/id": Field(_EXACT, lambda entry: entry.origin.service_principal_id),
    "serviceprincipal/displayname": Field(_EXACT, lambda entry: entry.origin.service_principal_name),
    "serviceprincipal/name": Field(_EXACT, lambda entry: entry.origin.service_principal_name),
    "initiatedby/displayname": Field(_TEXT, lambda entry: "Azure AD Provisioning Service"),
}
_STATUS = Field(_TEXT, lambda entry: entry.status)
_STATUS_NAMES = {False: frozenset({"provisioningstatusinfo/status"}),
                 True: frozenset({"provisioningstatusinfo/status", "statusinfo/status"})}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`."""

    name: str
    field: Field
    operator: str
    value: str | int | datetime

    def holds(self, entry: Entry) -> bool:
        """Does the entry pass?"""
        given = self.field.value(entry)
        if isinstance(given, datetime):
            given = given.replace(microsecond=0)
        if self.operator == "contains":
            return str(self.value) in str(given)
        if self.operator in ("eq", "ne"):
            return (given == self.value) is (self.operator == "eq")
        return _ordered(given, self.operator, self.value)


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that must all hold. `after`, `before` and `source_id` are bounds the log can use to look less."""

    conditions: tuple[Condition, ...] = ()

    def holds(self, entry: Entry) -> bool:
        """Does the entry pass?"""
        return all(each.holds(entry) for each in self.conditions)

    @property
    def after(self) -> datetime | None:
        """No entry before this can pass."""
        return max(self._bounds({"gt", "ge", "eq"}), default=None)

    @property
    def before(self) -> datetime | None:
        """No entry after this can pass."""
        return min(self._bounds({"lt", "le", "eq"}), default=None)

    @property
    def source_id(self) -> str | None:
        """Only entries of this source id can pass."""
        found = [each for each in self.conditions if each.name == "sourceidentity/id" and each.operator == "eq"]
        return str(found[0].value) if found else None

    def _bounds(self, operators: set[str]) -> list[datetime]:
        return [
            each.value for each in self.conditions if isinstance(each.value, datetime) and each.operator in operators
        ]


def read_filter(text: str, beta: bool, inclusive_reliable: bool) -> Filter:
    """Reads $filter. Raises GraphError 400. Where `inclusive_reliable` is off, `ge` and `le` lose their bound."""
    if not text.strip():
        return Filter()
    reader = _Reader(_tokens(text), beta, inclusive_reliable)
    conditions = reader.conjunction()
    if reader.rest:
        raise _wrong(f"'{reader.rest[0][1]}' was not expected")
    return Filter(tuple(conditions))


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(f"syntax error at position {at} in '{text}'")
        found.append((str(match.lastgroup), match.group(str(match.lastgroup))))
        at = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]], beta: bool, inclusive_reliable: bool) -> None:
        self.rest = tokens
        self.beta = beta
        self.inclusive_reliable = inclusive_reliable

    def take(self, kind: str, value: str | None = None) -> str:
        if not self.rest or self.rest[0][0] != kind or (value is not None and self.rest[0][1] != value):
            found = self.rest[0][1] if self.rest else "the end"
            raise _wrong(f"expected {value or kind}, found '{found}'")
        return self.rest.pop(0)[1]

    def conjunction(self) -> list[Condition]:
        conditions = self.term()
        while self.rest and self.rest[0] == ("word", "and"):
            self.rest.pop(0)
            conditions += self.term()
        if self.rest and self.rest[0] == ("word", "or"):
            raise _wrong("'or' is not supported here")
        return conditions

    def term(self) -> list[Condition]:
        if self.rest and self.rest[0] == ("sign", "("):
            self.rest.pop(0)
            inside = self.conjunction()
            self.take("sign", ")")
            return inside
        if self.rest[:2] == [("word", "contains"), ("sign", "(")]:
            return [self.contains()]
        name = self.take("word")
        operator = self.take("word")
        if not self.rest or self.rest[0][0] not in ("text", "date", "number"):
            raise _wrong(f"'{name} {operator}' has no value")
        return [self.condition(name, operator, *self.rest.pop(0))]

    def contains(self) -> Condition:
        self.take("word", "contains")
        self.take("sign", "(")
        name = self.take("word")
        self.take("sign", ",")
        value = self.take("text")
        self.take("sign", ")")
        return self.condition(name, "contains", "text", value)

    def condition(self, name: str, operator: str, kind: str, literal: str) -> Condition:
        key = name.lower()
        field = _STATUS if key in _STATUS_NAMES[self.beta] else _FIELDS.get(key)
        if field is None:
            raise _wrong(f"could not find a property named '{name}'")
        if operator not in field.operators:
            raise _wrong(f"the operator '{operator}' is not supported for '{name}'")
        expected = {"activitydatetime": "date", "durationinmilliseconds": "number"}.get(key, "text")
        if kind != expected:
            raise _wrong(f"'{literal}' is not a {expected} as '{name}' needs it")
        if not self.inclusive_reliable:
            operator = {"ge": "gt", "le": "lt"}.get(operator, operator)
        return Condition(key, field, operator, _literal(kind, literal))


def _literal(kind: str, literal: str) -> str | int | datetime:
    if kind == "text":
        return literal[1:-1].replace("''", "'")
    if kind == "number":
        return int(literal)
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", literal)).astimezone(UTC)
    except ValueError as error:
        raise _wrong(f"'{literal}' is not a date") from error


def _ordered(given: Any, operator: str, value: Any) -> bool:
    order: int = (given > value) - (given < value)
    return {"gt": order > 0, "ge": order >= 0, "lt": order < 0, "le": order <= 0}[operator]


def _wrong(what: str) -> GraphError:
    return bad_request(f"Invalid filter clause: {what}.")


READERS = ("ProvisioningLog.Read.All", "AuditLog.Read.All")
_OPTIONS = frozenset({"$filter", "$top", "$orderby", "$select", "$skiptoken", "$count"})
_LARGEST_PAGE = 1000


def get_provisioning_log(call: Call) -> Response:
    """One page."""
    token = call.allowed(READERS)
    _spend(call, token.client_id)
    options = call.request.options
    check_options(call, _OPTIONS)
    _check_order(options.get("$orderby"))
    found = read_filter(options.get("$filter", ""), call.beta, call.tenant.dials.inclusive_reliable)
    size = _page_size(options.get("$top"), call.tenant.dials.log_page_size)
    _check_minimum(call, found)
    page = list(islice(_visible(call, found, _position(options.get("$skiptoken"))), size + 1))
    body: Json = {
        "@odata.context": call.context("auditLogs/provisioning"),
        "value": _written(call, [entry for _, entry in page[:size]]),
    }
    if len(page) > size:
        body["@odata.nextLink"] = call.next_link(f"/{call.version}/auditLogs/provisioning", page[size - 1][0])
    return json_response(200, body)


def _visible(call: Call, found: Filter, below: int | None) -> Iterator[tuple[int, Entry]]:
    oldest = call.now - timedelta(seconds=call.tenant.dials.log_retention)
    after = max(oldest, found.after or oldest)
    for number, entry in call.tenant.log.newest_first(after, found.before, found.source_id, below):
        if entry.visible_at <= call.now and found.holds(entry):
            yield number, entry


def _written(call: Call, entries: list[Entry]) -> list[Json]:
    if call.tenant.dials.log_shuffle:
        call.tenant.rng.shuffle(entries)
    preferences = {each.strip().lower() for each in call.request.headers.get("prefer", "").split(",")}
    every_member = "include-unknown-enum-members" in preferences
    return [selected(call, entry_json(each, call.beta, every_member)) for each in entries]


def _check_minimum(call: Call, found: Filter) -> None:
    """A window from before the retention, as the sibling reports refuse it (docs/entra.md D1). Raises GraphError 400.

    They name the midnight before, as .NET writes a time. "400-iso" names the second, in ISO 8601.
    """
    dials = call.tenant.dials
    oldest = (call.now - timedelta(seconds=dials.log_retention)).replace(microsecond=0)
    text = f"Minimum allowed time for activityDateTime is {iso(oldest)}."
    if dials.log_minimum == "400":
        oldest = oldest.replace(hour=0, minute=0, second=0)
        midnight = f"{oldest.month}/{oldest.day}/{oldest.year} 12:00:00 AM"
        inner = f"Minimum allowed time for activityDateTime is {midnight}"
        text = f"Specified argument was out of the range of valid values. (Parameter '{inner}')"
    if dials.log_minimum != "none" and found.after is not None and found.after < oldest:
        raise bad_request(text)


def _spend(call: Call, client_id: str) -> None:
    dials, window = call.tenant.dials, call.tenant.log_windows[client_id]
    wait = window.wait(call.now, dials.log_calls, dials.log_window)
    if wait:
        raise too_many(wait if dials.log_retry_after else None)
    window.take(call.now)


def _check_order(order: str | None) -> None:
    words = (order or "activityDateTime desc").split()
    if words[0].lower() != "activitydatetime" or words[1:] not in ([], ["asc"], ["desc"]):
        raise bad_request(f"Ordering by '{order}' is not supported; only by activityDateTime.")


def _page_size(top: str | None, default: int) -> int:
    if top is None:
        return default
    if not top.isdigit() or not 1 <= int(top) <= _LARGEST_PAGE:
        raise bad_request(f"Invalid value '{top}' for $top: 1 to {_LARGEST_PAGE} are allowed.")
    return min(int(top), default)


def _position(token: str | None) -> int | None:
    if token is None:
        return None
    if not token.isdigit():
        raise bad_request("The $skiptoken is not one that this service gave.")
    return int(token)


ROUTES: tuple[Route, ...] = (graph_route("provisioningLog", "/auditLogs/provisioning", GET=get_provisioning_log),)
