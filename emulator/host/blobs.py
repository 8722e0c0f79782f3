"""The blob trigger.

A scan by name and ETag stands in for Event Grid; delivery, tries and poison are the platform's.

Enters: a path pattern and a container. Leaves: at least one invocation for each version of each blob, or a poison
message after the last try. A blob deleted meanwhile is dropped silently; a changed one runs anyway
(docs/platform.md 3.3).
The path is looked at only where the trigger polls. With Event Grid, the subscription alone says which blobs it gets.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from emulator.host import wire
from emulator.host.dispatch import Dispatcher
from emulator.host.wire import AccountUnreachable, ConfigurationError, HostStopping, WaitedTooLong
from emulator.host.worker import Invocation

log = logging.getLogger("host")

SCAN_SECONDS = 0.5
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class FoundBlob:
    """One version of one blob."""

    name: str
    etag: str


class WatchedContainer(Protocol):
    """The container that a blob trigger watches, and the poison queue of its account."""

    name: str

    def blobs(self, prefix: str) -> Iterable[FoundBlob]:
        """List the blobs whose names begin so; none when the container does not exist."""

    def find(self, name: str) -> FoundBlob | None:
        """Return the blob as it is now, None when it is gone."""

    def read(self, name: str) -> tuple[bytes, str]:
        """Return the content and the URI."""

    def poison(self, message: str) -> None:
        """Put the message on `webjobs-blobtrigger-poison`."""


@dataclass(frozen=True)
class PathPattern:
    """`drops/{source}/{name}`: which blobs of which container, and what their names say."""

    container: str
    prefix: str
    regex: re.Pattern[str]

    @classmethod
    def parse(cls, path: str) -> PathPattern:
        """Read the path of a binding; raises ConfigurationError when the container is not a plain name."""
        container, _, pattern = path.strip("/").partition("/")
        if not container or _PLACEHOLDER.search(container):
            raise ConfigurationError(f"path {path!r} must begin with the name of a container")
        parts = _PLACEHOLDER.split(pattern or "{name}")
        placeholders = parts[1::2]
        if len(set(placeholders)) < len(placeholders):
            raise ConfigurationError(f"path {path!r} names a placeholder twice")
        return cls(container, parts[0], re.compile("".join(_regex_parts(parts))))

    def captured(self, name: str) -> dict[str, str] | None:
        """Return the placeholders' values, None when the blob is not this trigger's."""
        found = self.regex.fullmatch(name)
        return found.groupdict() if found else None


def _regex_parts(parts: list[str]) -> Iterable[str]:
    """The last placeholder spans slashes, those before it do not."""
    last = len(parts) - 2
    for index, part in enumerate(parts):
        if index % 2:
            yield f"(?P<{part}>{'.+' if index == last else '[^/]+'})"
        else:
            yield re.escape(part)


@dataclass(frozen=True)
class Delivery:
    """How to deliver: what the function takes, how often to try, how many at a time, once or twice."""

    connection: str
    takes_sdk_type: bool = True
    tries: int = 5
    parallelism: int = 8
    copies: int = 1  # 2: every event comes twice at the same moment, as Event Grid may do
    by_event: bool = True  # as with Event Grid: the path of the binding filters nothing


class BlobTrigger:
    """One blob trigger."""

    def __init__(
        self,
        function: str,
        pattern: PathPattern,
        container: WatchedContainer,
        delivery: Delivery,
        dispatcher: Dispatcher,
    ) -> None:
        self.function = function
        self._pattern = pattern
        self._container = container
        self._delivery = delivery
        self._dispatcher = dispatcher
        self._seen: dict[str, str] = {}
        self._pending = 0
        self._changed = threading.Condition()
        # A twin comes from a second instance of the app, so it never waits for its brother's place.
        workers = delivery.parallelism * delivery.copies
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"blob-{function}")

    def run(self, stop: threading.Event) -> None:
        """Scan again and again until `stop` is set; what still waits then is left for the next start."""
        while not stop.is_set():
            try:
                self.scan()
            except AccountUnreachable as error:
                log.warning("%s", error)
            stop.wait(SCAN_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def scan(self) -> int:
        """Hand every version not seen yet to the pool; return how many there were.

        Raises AccountUnreachable.
        """
        with self._changed:
            prefix = "" if self._delivery.by_event else self._pattern.prefix
            found = {blob.name: blob.etag for blob in self._container.blobs(prefix)}
            new = [name for name, etag in found.items() if self._seen.get(name) != etag and self._is_for_it(name)]
            self._seen = found
            for name in new:
                self._submit(name)
            return len(new)

    def settle(self, *, seconds: float = 30.0) -> None:
        """Scan, then wait until every delivery has ended in success or poison. Raises WaitedTooLong."""
        self.scan()
        with self._changed:
            if not self._changed.wait_for(lambda: not self._pending, seconds):
                raise WaitedTooLong(f"{self.function}: {self._pending} deliveries did not end in {seconds} s")

    def fire(self, told: str = "") -> Invocation:
        """Run the function once by hand for `container/name`, as an event does.

        Another container than that of the path reaches a function that takes an SDK type, too. Raises
        ConfigurationError.
        """
        container, _, name = told.partition("/")
        if not name:
            raise ConfigurationError(f"{self.function} takes a blob as container/name, not {told!r}")
        if container == self._pattern.container:
            return self._dispatcher.run(self.function, self._trigger(name))
        if not (self._delivery.by_event and self._delivery.takes_sdk_type):
            raise ConfigurationError(f"{self.function} takes a blob of {self._pattern.container!r}, not {told!r}")
        handed = wire.blob_reference(self._delivery.connection, container, name)
        return self._dispatcher.run(self.function, handed)

    def _is_for_it(self, name: str) -> bool:
        return self._delivery.by_event or self._pattern.captured(name) is not None

    def _submit(self, name: str) -> None:
        for _ in range(self._delivery.copies):
            self._pending += 1
            self._pool.submit(self._deliver, name)

    def _deliver(self, name: str) -> None:
        try:
            self._try(name)
        except AccountUnreachable as error:
            log.warning("%s", error)
            self._forget(name)
        except HostStopping:
            log.info("%s was not delivered to %s: the host is stopping", name, self.function)
        finally:
            with self._changed:
                self._pending -= 1
                self._changed.notify_all()

    def _try(self, name: str) -> None:
        for _ in range(self._delivery.tries):
            blob = self._container.find(name)
            if blob is None:
                return
            if self._dispatcher.run(self.function, self._trigger(name)).succeeded:
                return
        log.error("%s failed %s times for %s and is poison", self.function, self._delivery.tries, name)
        self._container.poison(self._poison(name))

    def _forget(self, name: str) -> None:
        """Let the next scan deliver it again."""
        with self._changed:
            self._seen.pop(name, None)

    def _trigger(self, name: str) -> wire.Trigger:
        if self._delivery.takes_sdk_type:
            return wire.blob_reference(self._delivery.connection, self._container.name, name)
        content, uri = self._container.read(name)
        captured: Mapping[str, str] = self._pattern.captured(name) or {}
        return wire.blob_content(self._container.name, name, content, uri, captured)

    def _poison(self, name: str) -> str:
        blob = self._container.find(name)
        message = {
            "Type": "BlobTrigger",
            "FunctionId": f"Host.Functions.{self.function}",
            "BlobType": "BlockBlob",
            "ContainerName": self._container.name,
            "BlobName": name,
            "ETag": f'"{blob.etag}"' if blob else "",  # with its quotes, as the service writes it
        }
        return json.dumps(message)
