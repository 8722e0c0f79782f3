"""Calls that go wrong: a tripwire in every call of a process, and a pool that needs no threads.

A `Tripwire` counts the calls of one process and lets one trouble happen at its spot: the process dies, storage fails,
or the world does something meanwhile. `Wired` puts it before a port, `WiredClient` before the network. `InOneThread`
stands for the sender's thread pool.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import httpx

from tests.histories.actions import Freeze, Kill, Trouble


class Killed(BaseException):
    """The process is gone."""


class InOneThread:
    """A pool whose calls are made when the sender looks, in an order of chance, on the sender's own thread."""

    chance = random.Random(0)

    def __init__(self, workers: int, **options: object) -> None:
        self._calls: dict[Future[Any], Callable[[], Any]] = {}

    def __enter__(self) -> InOneThread:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """The calls under way end. Those of a process that dies may have left: then Entra takes them."""
        for future in list(self._calls):
            if kind is None or not issubclass(kind, Killed):
                self.make(future)
            elif self.chance.random() < 0.5:
                with GHOSTS.let_through(), suppress(Exception, Killed):
                    self._calls[future]()

    def submit(self, act: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Take a call."""
        future: _Waiting = _Waiting()
        future.pool = self
        self._calls[future] = lambda: act(*arguments)
        return future

    def make(self, future: Future[Any]) -> None:
        """Make a call. A process that dies in it does not go on."""
        act = self._calls.pop(future)
        try:
            future.set_result(act())
        except Exception as error:  # noqa: BLE001 - what a pool does
            future.set_exception(error)


class _Waiting(Future[Any]):
    pool: InOneThread


def wait_in_one_thread(
    under_way: Iterable[Future[Any]], timeout: float | None = None, **options: object
) -> tuple[set[Any], set[Any]]:
    """One call comes back; where nobody waits for it, one of two times."""
    futures = list(under_way)
    chance = InOneThread.chance
    waiting = [each for each in futures if isinstance(each, _Waiting) and not each.done()]
    if waiting and (timeout != 0 or chance.random() < 0.5):
        chosen = chance.choice(waiting)
        chosen.pool.make(chosen)
    done = {each for each in futures if each.done()}
    return done, set(futures) - done


class _Ghosts:
    """Calls that had left when their process died."""

    def __init__(self) -> None:
        self.pass_by = False

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """No tripwire counts or stops a call."""
        self.pass_by = True
        try:
            yield
        finally:
            self.pass_by = False


GHOSTS = _Ghosts()


class Tripwire:
    """Counts the calls of a process and lets one trouble happen at its spot. A dead process calls nobody."""

    def __init__(self, act: Callable[[Trouble], None], fault: type[Exception]) -> None:
        self._act = act
        self._fault = fault  # what a port raises when storage fails
        self.dead = False
        self.trouble: Trouble | None = None
        self._counts: Counter[str] = Counter()
        self._frozen = 0

    def arm(self, trouble: Trouble | None) -> None:
        """Begin to count for this trouble."""
        self.trouble = trouble
        self._counts.clear()

    def disarm(self) -> None:
        """The step is over, and what happens in it, too."""
        self.trouble = None
        self._frozen = 0

    def before(self, port: str) -> None:
        """A call leaves. Raises Killed, or the fault of storage."""
        if GHOSTS.pass_by:
            return
        if self.dead:
            raise Killed
        self._counts[port] += 1
        self._counts["any"] += 1
        self._check(port, after=False)
        if self._frozen > 0 and port != "http":
            self._frozen -= 1
            raise self._fault("storage does not answer")

    def after(self, port: str) -> None:
        """Its answer comes. Raises Killed, or the fault of storage."""
        if GHOSTS.pass_by:
            return
        if self.dead:
            raise Killed
        self._check(port, after=True)

    def _check(self, port: str, *, after: bool) -> None:
        trouble = self.trouble
        if trouble is None or trouble.spot.after is not after or trouble.spot.on not in ("any", port):
            return
        if self._counts[trouble.spot.on] != trouble.spot.at:
            return
        self.trouble = None
        self._act(trouble)
        if isinstance(trouble, Kill):
            self.dead = True
            raise Killed
        if isinstance(trouble, Freeze):
            self._frozen = trouble.calls
            if after and port != "http":
                raise self._fault("storage gave no answer")


class Wired:
    """A port of a process: every call goes through the tripwire."""

    def __init__(self, wire: Tripwire, name: str, port: Any) -> None:
        self._wire, self._name, self._port = wire, name, port

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._port, name)
        if not callable(act):
            return act
        if name in ("read", "versions", "rows", "chunks"):
            wrapped: Any = self._streamed(act)
        elif name == "writer":
            wrapped = self._writer(act)
        else:
            wrapped = self._called(act)
        setattr(self, name, wrapped)
        return wrapped

    def _called(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self._wire.before(self._name)
            answer = act(*arguments, **options)
            self._wire.after(self._name)
            inside = hasattr(answer, "chunks") or hasattr(answer, "release")
            return Wired(self._wire, self._name, answer) if inside else answer

        return call

    def _streamed(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Iterator[Any]:
            self._wire.before(self._name)
            yield from act(*arguments, **options)
            self._wire.after(self._name)

        return call

    def _writer(self, act: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def call(*arguments: Any) -> Iterator[Any]:
            with act(*arguments) as writer:
                yield writer
                self._wire.before(self._name)
            self._wire.after(self._name)

        return call


@lru_cache(maxsize=1_000)
def _url(text: str) -> httpx.URL:
    """The same address is read once."""
    return httpx.URL(text)


class WiredClient(httpx.Client):
    """The network of a process, without what a client does for cookies, redirects and proxies."""

    def __init__(self, wire: Tripwire, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        super().__init__(transport=httpx.MockTransport(answer), trust_env=False)
        self._wire, self._answer = wire, answer

    def request(
        self, method: str, url: Any, *, content: Any = None, headers: Any = None, **more: Any
    ) -> httpx.Response:
        """One call to Entra."""
        request = httpx.Request(method, _url(str(url)), content=content, headers=headers)
        self._wire.before("http")
        try:
            response = self._answer(request)
        finally:
            self._wire.after("http")
        response.read()
        return response
