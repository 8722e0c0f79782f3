"""The messages that the worker library reads and builds, and what each trigger hands over. Pure.

In Azure these are protobuf messages on a gRPC channel. The library never imports protobuf: it takes a
module of message classes as an argument, and any object with the same attributes will do (docs/platform.md 1.2).

Also every way the local host can refuse to start or to serve: `HostError` and what is below it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class HostError(Exception):
    """The local host cannot do what was asked; the message says what to do."""


class ConfigurationError(HostError):
    """The host's own files, the environment or a binding cannot be used as they are."""


class IndexingFailed(HostError):
    """The worker library refused the function app."""


class AppAlreadyLoaded(HostError):
    """A second function app was asked for in one process."""


class PortTaken(HostError):
    """Another process listens on the port."""


class UnknownFunction(HostError):
    """No function has that name."""


class WaitedTooLong(HostError):
    """What a caller waited for did not happen in time."""


class HostStopping(HostError):
    """The host was told to stop and takes no more work."""


class AccountUnreachable(HostError):
    """The storage account did not answer as it should."""


class Message(SimpleNamespace):
    """Stands for any protobuf message: keeps its keywords, and a field nobody set reads as None."""

    def __getattr__(self, name: str) -> None:
        return None


class TypedData:
    """One value of a protobuf oneof: `TypedData(bytes=b"...")`."""

    def __init__(self, **one: Any) -> None:
        ((self.kind, self.value),) = one.items()
        setattr(self, self.kind, self.value)

    def WhichOneof(self, group: str) -> str:  # noqa: N802 - protobuf's name, which the library calls
        """Return the name of the one field that is set."""
        return self.kind


class StatusResult(Message):
    """How a request ended."""

    Failure = 0
    Success = 1


class BindingInfo(Message):
    """A binding's data type and direction."""

    undefined = 0
    out = 1
    inout = 2


class RpcHttpCookie(Message):
    """A cookie of an HTTP answer."""

    SameSite = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


PROTOS = SimpleNamespace(
    **dict.fromkeys(
        (
            "FunctionLoadResponse",
            "FunctionMetadataResponse",
            "InvocationResponse",
            "NullableBool",
            "NullableDouble",
            "NullableString",
            "NullableTimestamp",
            "ParameterBinding",
            "RpcException",
            "RpcFunctionMetadata",
            "RpcHttp",
            "RpcRetryOptions",
            "Timestamp",
            "WorkerInitResponse",
            "WorkerMetadata",
        ),
        Message,
    ),
    BindingInfo=BindingInfo,
    RpcHttpCookie=RpcHttpCookie,
    StatusResult=StatusResult,
    TypedData=TypedData,
)


@dataclass(frozen=True)
class Trigger:
    """What the host hands to a function, and the reason it logs."""

    data: TypedData
    reason: str
    metadata: Mapping[str, TypedData] = field(default_factory=dict)


def timer(*, past_due: bool = False, status: Mapping[str, str] | None = None, reason: str = "Timer") -> Trigger:
    """Return what a timer hands over; `status` has Last, Next and LastUpdated when it is monitored."""
    told = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
    return Trigger(TypedData(json=json.dumps(told)), reason)


def blob_reference(connection: str, container: str, name: str) -> Trigger:
    """Return what a blob trigger hands to an SDK type: connection setting, container and name, no content."""
    told = {"Connection": connection, "ContainerName": container, "BlobName": name}
    model = SimpleNamespace(
        version="1.0",
        source="AzureStorageBlobs",
        content_type="application/json",
        content=json.dumps(told).encode(),
    )
    return Trigger(TypedData(model_binding_data=model), _new_blob(container, name))


def blob_content(
    container: str, name: str, content: bytes, uri: str, captured: Mapping[str, str] | None = None
) -> Trigger:
    """Return what a blob trigger hands to an InputStream: the whole content, and the path's parts."""
    told = {"BlobTrigger": f"{container}/{name}", "Uri": uri, **(captured or {})}
    metadata = {key: TypedData(string=value) for key, value in told.items()}
    metadata["Properties"] = TypedData(json=json.dumps({"ContentLength": len(content)}))
    metadata["Metadata"] = TypedData(json="{}")
    return Trigger(TypedData(bytes=content), _new_blob(container, name), metadata)


def _new_blob(container: str, name: str) -> str:
    return f"New blob detected(EventGrid): {container}/{name}"


def http(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Trigger:
    """Return what an HTTP request hands over; `params` are the values captured from the route."""
    request = Message(
        method=method,
        url=url,
        headers=dict(headers or {}),
        query=dict(query or {}),
        params=dict(params or {}),
        body=TypedData(bytes=body),
    )
    return Trigger(TypedData(http=request), f"This function was programmatically called via the host APIs: {method}")
