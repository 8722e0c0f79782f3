"""Faults that are planned, drawn and then happen. Enters: a plan and chance. Leaves: at most one fault for a call."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .errors import ControlError, GraphError
from .wire import Disruption

Kind = Literal["status", "bucket-full", "timeout", "timeout-after", "cut-before", "cut-after", "refuse"]
BUCKET_FULL = (
    "The bucket that stores the ingested data is full, please wait for the synchronization service to process "
    "the ingested data and retry this request."
)
_DISRUPTIONS: dict[str, Disruption] = {
    "timeout": "timeout",
    "timeout-after": "timeout",
    "cut-before": "cut",
    "cut-after": "cut",
    "refuse": "refuse",
}
_CODES = {
    400: ("BadRequest", "Invalid Data Format"),
    401: ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
    403: ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    404: ("Request_ResourceNotFound", "Resource does not exist."),
    429: ("TooManyRequests", "Please retry again later."),
    500: ("InternalServerError", "An internal server error occurred."),
    502: ("BadGateway", "The upstream service did not answer."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable."),
    504: ("GatewayTimeout", "The upstream service did not answer in time."),
}


@dataclass(slots=True)
class Fault:
    """A planned fault on a route (`*`: on every one but the control routes).

    kind: `status` answers `status` (with `retry_after` seconds where given); `bucket-full` the documented 500;
    `timeout` never answers; `cut-before` breaks the connection before the request was taken, `cut-after` after it
    took effect, `timeout-after` never answers though it took effect; `refuse` is a refused connection.
    It happens `times` times (None: for ever), after `skip` calls went by, each with `probability`.
    """

    route: str
    kind: Kind
    status: int = 500
    retry_after: float | None = None
    times: int | None = 1
    probability: float = 1.0
    skip: int = 0

    @property
    def takes_effect(self) -> bool:
        """Is the request carried out although its answer is lost?"""
        return self.kind in ("cut-after", "timeout-after")

    @property
    def disruption(self) -> Disruption | None:
        """How the answer is kept from the client."""
        return _DISRUPTIONS.get(self.kind)

    def error(self) -> GraphError:
        """The refusal of a `status` or `bucket-full` fault."""
        headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        if self.kind == "bucket-full":
            return GraphError(500, "InternalServerError", BUCKET_FULL, headers)
        code, message = _CODES.get(self.status, ("UnknownError", "A planned fault."))
        return GraphError(self.status, code, message, headers)


class Faults:
    """The plan, in order: the first fault that is due for a route happens."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.planned: list[Fault] = []

    def plan(self, **settings: Any) -> Fault:
        """Plan one. Raises ControlError for what is not a fault."""
        try:
            fault = Fault(**settings)
        except TypeError as error:
            raise ControlError(f"That is not a fault: {error}.") from error
        if fault.kind not in get_args(Kind):
            raise ControlError(f"There is no kind of fault '{fault.kind}'. Kinds: {', '.join(get_args(Kind))}.")
        _check_numbers(fault)
        if not 400 <= fault.status <= 599:
            raise ControlError(f"A fault's status is between 400 and 599, not {fault.status}.")
        self.planned.append(fault)
        return fault

    def clear(self) -> None:
        """No more faults."""
        self.planned.clear()

    def draw(self, route: str) -> Fault | None:
        """The fault that happens to this call, if any."""
        for fault in self.planned:
            if fault.route not in (route, "*"):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.probability < 1.0 and self._rng.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.planned.remove(fault)
            return fault
        return None


def _check_numbers(fault: Fault) -> None:
    numbers = {"status": fault.status, "times": fault.times, "skip": fault.skip, "retry_after": fault.retry_after,
               "probability": fault.probability}  # fmt: skip
    for name, value in numbers.items():
        whole = name in ("status", "times", "skip")
        optional = value is None and name in ("times", "retry_after")
        if not optional and (isinstance(value, bool) or not isinstance(value, int if whole else int | float)):
            raise ControlError(f"A fault's {name} is a number, not {value!r}.")
