"""The front for tests in one process: an httpx transport on the same core. No socket.

Enters: httpx requests. Leaves: httpx responses, or the httpx exception a broken connection would have raised.
"""

from __future__ import annotations

import httpx

from emulator.entra.core import Entra
from emulator.entra.wire import Request, Response


class EntraTransport(httpx.BaseTransport):
    """`httpx.Client(transport=EntraTransport(entra))`: every host leads to the emulator."""

    def __init__(self, entra: Entra) -> None:
        self._entra = entra

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer it, or break as planned: ReadTimeout, ConnectError or RemoteProtocolError."""
        response = self._entra.answer(_request(request))
        _break(response, request)
        return httpx.Response(response.status, headers=dict(response.headers), content=response.body, request=request)


def _request(request: httpx.Request) -> Request:
    url = request.url
    return Request(
        method=request.method,
        path=url.path,
        query=url.query.decode("ascii"),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.read(),
        origin=f"{url.scheme}://{url.netloc.decode('ascii')}",
    )


def _break(response: Response, request: httpx.Request) -> None:
    if response.disruption == "timeout":
        raise httpx.ReadTimeout("The emulator was told not to answer.", request=request)
    if response.disruption == "refuse":
        raise httpx.ConnectError("The emulator was told to refuse the connection.", request=request)
    if response.disruption == "cut":
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
