"""The Entra emulator: Graph, API-driven inbound provisioning and the App Service identity endpoint, in memory.

It imports nothing of `shared` or `cli`: it is the second opinion. Enters: requests, through an httpx transport or
a server on the loopback address. Leaves: the answers that docs/entra.md documents.
"""

from __future__ import annotations

from emulator.entra.core import Entra
from emulator.entra.dials import Dials
from emulator.entra.state import Fault
from emulator.entra.transport import EntraTransport
from emulator.entra.wire import ControlError, EmulatorError, ExpressionError, GraphError, Request, Response

__all__ = [
    "ControlError", "Dials", "EmulatorError", "Entra", "EntraTransport", "ExpressionError", "Fault", "GraphError",
    "Request", "Response",
]  # fmt: skip
