"""Comparing: a person as the drop tells it, against what Entra was last told. Enters: both. Leaves: a Change. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from typing import Any

from shared import scim
from shared.planning.changes import Action, Change
from shared.planning.fingerprints import fingerprint
from shared.planning.people import KnownPerson, People


def compare(people: People, key: str, user: dict[str, Any]) -> Change:
    """What this user would change."""
    known = people.get(key)
    if known is None:
        return Change(key, Action.AGAIN if people.is_forgotten(key) else Action.NEW)
    if known.fingerprint == fingerprint(user):
        return Change(key, Action.UNCHANGED)
    changed, cleared = people.differences(known, user)
    action = _action(known.active, bool(user["active"]))
    if action is Action.CHANGED and known.outcome == "failed" and not changed and not cleared:
        action = Action.AGAIN
    return Change(key, action, tuple(changed), tuple(cleared))


def _action(was: bool, becomes: bool) -> Action:
    if was and not becomes:
        return Action.DISABLED
    return Action.ENABLED if becomes and not was else Action.CHANGED


def is_protected(key: str, protected: Sequence[str]) -> bool:
    """Whether this key is one of the source's protected keys or fits one of its patterns (`ADM*`)."""
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in protected)


def absent_user(known: KnownPerson) -> dict[str, Any]:
    """The user that disables an absent person: what is known of them, and nothing guessed."""
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
