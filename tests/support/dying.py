"""Death at the n-th call: ports that work until then, and nothing after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from shared.planning.planner import Planner


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Fuse:
    """Calls left."""

    left: int

    def burn(self) -> None:
        """One call more. Raises Killed when it was the last, and ever after."""
        self.left -= 1
        if self.left <= 0:
            raise Killed


@dataclass
class Dying:
    """A port that works until its n-th call; from then on nothing does."""

    port: Any
    fuse: Fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.port, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            self.fuse.burn()
            answer = found(*arguments, **options)
            return Dying(answer, self.fuse) if hasattr(answer, "__enter__") else answer

        return call

    def __enter__(self) -> Any:
        self.fuse.burn()
        return Dying(self.port.__enter__(), self.fuse)

    def __exit__(self, *error: Any) -> Any:
        if self.fuse.left > 0 and error[0] is None:
            self.fuse.burn()
        return self.port.__exit__(*(error if self.fuse.left > 0 else (Killed, Killed(), None)))


def dying(whole: Planner, calls: int) -> Planner:
    """A planner that dies at its n-th call of the ledger or of the files."""
    fuse = Fuse(calls)
    return replace(whole, ledger=Dying(whole.ledger, fuse), artefacts=Dying(whole.artefacts, fuse))
