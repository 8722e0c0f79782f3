"""The provisioning log (docs/entra.md D1 to D3). Enters: a job and a window. Leaves: pages of entries.

It is read at the pace that Graph permits, and `nextLink` is followed on trusted hosts only. One value that is no entry
hides no other: it is left out, and the page says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from shared.collecting.checkpoint import Window
from shared.collecting.entries import LogEntry, faults_of, read_entry
from shared.collecting.reading import LogPage
from shared.graph.client import GraphClient, Patience, error_of
from shared.model.endpoint import Endpoint
from shared.model.errors import LogMinimum, Refused
from shared.model.times import graph_time, read_time
from shared.sending.replies import Pacer, Reply, Verdict

# A log that wants to be left alone for longer than a minute is read by the next tick
_PATIENCE = Patience(5, lambda reply: reply.verdict in (Verdict.THROTTLED, Verdict.UNAVAILABLE), longest=60.0)

_MINIMUM = re.compile(
    r"Minimum allowed time for activityDateTime is\s+"
    r"(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?|\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d(?: [AP]M)?)",
    re.IGNORECASE,
)
_TIMES = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S")  # as .NET writes them where no culture is set


class _Page(msgspec.Struct):
    value: list[msgspec.Raw]
    following: msgspec.Raw = msgspec.field(name="@odata.nextLink", default=msgspec.Raw(b"null"))


class GraphLog:
    """Reads the log of a job."""

    def __init__(self, client: GraphClient, pacer: Pacer) -> None:
        self._client = replace(client, pacer=pacer)

    def pages(self, endpoint: Endpoint, window: Window, following: str = "") -> Iterator[LogPage]:
        """The entries of a job in a window, page by page; from `following` on, where that is given.

        Raises GraphError, UntrustedHost.
        """
        url: str | None = following or _first_page(endpoint, window)
        seen: set[str] = set()
        while url:
            if url in seen:
                raise Refused("the provisioning log sent the same nextLink twice")
            seen.add(url)
            headers = {"Prefer": "include-unknown-enum-members"}
            reply, body = self._client.answer("GET", url, _PATIENCE, headers=headers)
            if reply.status == 400 and (minimum := log_minimum(reply.message)):
                text = f"the provisioning log answered {reply.told}: {reply.message}"
                raise LogMinimum(text, minimum, request_id=reply.request_id)
            if reply.verdict is not Verdict.ACCEPTED:
                raise error_of(reply, "the provisioning log", "grant the app's identity ProvisioningLog.Read.All")
            page = read_page(body, endpoint.job_id, reply)
            yield page
            if page.is_cut_off:
                raise Refused("the provisioning log sent no address that reads for its next page")
            url = page.following


def _first_page(endpoint: Endpoint, window: Window) -> str:
    job = endpoint.job_id.replace("'", "''")
    since, until = graph_time(window.since), graph_time(window.until)
    wanted = f"jobId eq '{job}' and activityDateTime gt {since} and activityDateTime lt {until}"
    return f"{endpoint.origin}/v1.0/auditLogs/provisioning?$filter={quote(wanted)}"


def read_page(body: bytes, job_id: str, reply: Reply) -> LogPage:
    """The page in a body that was answered with a success. Raises Refused where it is none."""
    try:
        values, link = _parts(body)
    except (ValueError, RecursionError) as error:  # whose own text may be what was read
        why = str(error) if isinstance(error, msgspec.DecodeError) else type(error).__name__
        text = f"the provisioning log sent no page (request-id {reply.request_id}): {why}"
        raise Refused(text, status=reply.status, request_id=reply.request_id) from error
    entries, faults = list[LogEntry](), list[str]()
    for value in values:
        if not isinstance(value, dict):
            faults.append("a value on a page of the log is no entry")
            continue
        entry = read_entry(value)
        entries.append(entry if entry.job_id == job_id else replace(entry, job_id=job_id))
        if missing := faults_of(value):
            faults.append(f"an entry of the log does not read in full: {', '.join(missing)}")
    at = reply.at if reply.skew is not None else None
    following = link if isinstance(link, str) else ""
    return LogPage(entries, at, following, tuple(faults), is_cut_off=link is not None and not following)


def log_minimum(message: str) -> datetime | None:
    """The earliest time that may be asked for, where a refusal names it: in ISO 8601 or as .NET writes it, in UTC."""
    found = _MINIMUM.search(message)
    if found is None:
        return None
    text = found[1].strip().rstrip(".")
    with suppress(ValueError, OverflowError):
        return read_time(text)
    for form in _TIMES:
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=UTC)
    return None


def _parts(body: bytes) -> tuple[list[Any], Any]:
    """The values, each as it is or as bytes that do not read, and the address of the next page."""
    try:
        page = msgspec.json.decode(body, type=_Page)
    except msgspec.DecodeError:
        whole = _clean(json.loads(body.decode("utf-8", "replace")))  # which reads what is half a character
        if not isinstance(whole, dict) or not isinstance(whole.get("value"), list):
            raise
        return whole["value"], whole.get("@odata.nextLink")
    return [_decoded(raw) for raw in page.value], _decoded(page.following)


def _decoded(raw: msgspec.Raw) -> Any:
    """The value; None where it does not read."""
    with suppress(ValueError, RecursionError):
        return msgspec.json.decode(raw)
    with suppress(ValueError, RecursionError):
        return _clean(json.loads(bytes(raw).decode("utf-8", "replace")))
    return None


def _clean(value: Any) -> Any:
    """The value without what no text may hold, and without numbers that are none."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, list):
        return [_clean(each) for each in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in value.items()}
    return value
