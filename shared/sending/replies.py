"""Replies of the upload API, judged. Enters: a status and a few headers. Leaves: what the sender does next. Pure.

The table is `entra-api.md` A6. Only the status and `error.code` are trusted; of the texts only the word "bucket".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.model.errors import GraphError, Refused, Throttled, Unreachable


class Verdict(StrEnum):
    """What a reply means for the sender."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # this body is wrong (400, 413, 422): halve it
    NEW_TOKEN = "new_token"  # 401: once with a new token, then blocked
    BLOCKED = "blocked"  # 403, 404 and the like: a person has to change something
    THROTTLED = "throttled"  # 429
    BUCKET_FULL = "bucket_full"  # 500 with "bucket": the job has to catch up
    UNAVAILABLE = "unavailable"  # 5xx, time-outs, cut connections: the service has to recover


@dataclass(frozen=True)
class Reply:
    """What came back for one bulk request. `status` 0: nothing came back; it may have been taken all the same."""

    status: int
    at: datetime  # the server's Date, else our clock
    request_id: str = ""
    retry_after: float | None = None  # seconds
    code: str = ""
    message: str = ""
    skew: float | None = None  # seconds that our clock was ahead of the server's; None where the server named no time
    left: bool = True  # False: it is certain that the request never left this machine

    @property
    def verdict(self) -> Verdict:
        """What it means."""
        if 200 <= self.status < 300:
            return Verdict.ACCEPTED
        if self.status in (400, 413, 422):
            return Verdict.REFUSED
        if self.status == 401:
            return Verdict.NEW_TOKEN
        if self.status == 429:
            return Verdict.THROTTLED
        if self.status == 500 and "bucket" in self.message.casefold():
            return Verdict.BUCKET_FULL
        if self.status == 0 or self.status == 408 or self.status >= 500:
            return Verdict.UNAVAILABLE
        return Verdict.BLOCKED

    @property
    def may_have_been_taken(self) -> bool:
        """Whether Entra may have taken the request although it was no success."""
        return self.left and self.verdict is Verdict.UNAVAILABLE

    @property
    def told(self) -> str:
        """The reply in a few words for the books: status, code, request id; never the body that was sent."""
        said = f"{self.status} {self.code}".strip() if self.status else "no answer"
        return f"{said} (request-id {self.request_id})" if self.request_id else said

    def error(self, text: str) -> GraphError:
        """The reply as an error with this text, for who waits for an answer and got none that is a success."""
        if self.status == 0:
            return Unreachable(text, request_id=self.request_id)
        if self.verdict is Verdict.THROTTLED:
            return Throttled(text, status=self.status, request_id=self.request_id, retry_after=self.retry_after)
        return Refused(text, status=self.status, request_id=self.request_id)
