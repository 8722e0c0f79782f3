"""Comparing: a person as the drop tells it, against what Entra was last told. Enters: both. Leaves: a Change. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from shared.known_people.people import KnownPerson, People, fingerprint
from shared.model import scim
from shared.model.plan import Action, Change

HELD_BY_ENTRA = "held_by_entra"  # an outcome


def compare(people: People, key: str, user: dict[str, Any]) -> Change:
    """What this user would change. Where a person is in doubt, the worse case counts."""
    known = people.get(key)
    if known is None:
        return Change(key, Action.AGAIN if people.is_forgotten(key) else Action.NEW)
    if not known.send_again and known.fingerprint == fingerprint(user):
        return Change(key, Action.UNCHANGED)
    changed, cleared = people.differences(known, user) if known.is_accepted else ([], [])
    action = _action(known, becomes=bool(user["active"]))
    if action is Action.CHANGED and known.send_again and not changed and not cleared:
        action = Action.AGAIN
    return Change(key, action, tuple(changed), tuple(cleared))


def _action(known: KnownPerson, *, becomes: bool) -> Action:
    if known.outcome == HELD_BY_ENTRA and becomes is known.active:
        return Action.CHANGED  # it was counted when it was held
    if not becomes and known.was_active:
        return Action.DISABLED
    return Action.ENABLED if becomes and known.was_inactive else Action.CHANGED


def is_protected(key: str, protected: Sequence[str]) -> bool:
    """Whether this key is one of the source's protected keys or fits one of its patterns (`ADM*`)."""
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in protected)


def absent_user(people: People, known: KnownPerson) -> dict[str, Any]:
    """The user that disables an absent person: the complete record that Entra has, or may have, but inactive.

    Every request holds the complete record (docs/entra.md A8). Where it is not kept, since release 0.1 sent it and it
    has not changed since, only what is known is sent, and nothing guessed.
    """
    records = [doubt.record for doubt in people.doubts(known.key)] + [body for _, body in people.records(known.key)]
    if records:
        user: dict[str, Any] = msgspec.json.decode(records[0])
        return user | {"active": False}
    return {
        "schemas": [scim.CORE_USER, scim.ENTERPRISE_USER],
        "externalId": known.key,
        "userName": known.user_name,
        "active": False,
    }


def zeros_lost(new: Sequence[str], missing: Iterable[str]) -> tuple[str, ...]:
    """New keys that are keys known, and missing in the file, but for their leading zeros."""
    bare = {key.lstrip("0") for key in missing if key.startswith("0")}
    return tuple(key for key in new if key in bare)
