"""What was found damaged, as those who find it note it: the thing, and which version of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared.model.errors import Damage

DEPLOY = "Deploy the release that wrote it"
PUT_BACK = "Put back an earlier version of the blob (docs/operations.md, What is damaged)"
REPAIR = "Run `rollcall state repair`"


@dataclass(frozen=True)
class Spot:
    """One version of a stored thing: a row of a table, or a blob of a container."""

    store: str  # the field of Storage
    etag: str
    partition: str = ""
    row: str = ""
    path: str = ""
    lacks: str = ""  # a blob of the state's container that the row names, and that is missing


class Damages(Protocol):
    """What was found damaged."""

    def note(self, damage: Damage, spot: Spot) -> None:
        """Remember it until this version of the thing is gone."""


class NotNoted:
    """For tools that show damage themselves, or not at all."""

    def note(self, damage: Damage, spot: Spot) -> None:
        """Nothing."""
