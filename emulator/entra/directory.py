"""Users in memory. Enters: attributes. Leaves: users, found by id or by the value of any attribute.

A user is a dict from the target's attribute names to texts (several values are a list); `objectId` is its id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .errors import ControlError

Attribute = str | list[str] | None
User = dict[str, Attribute]


class Directory:
    """One target: the cloud tenant, or the on-premises domain. Finding by an attribute builds its index once;
    values are compared without case, as both directories do."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._indexes: dict[str, dict[str, tuple[str, ...]]] = {}

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())

    def get(self, object_id: str) -> User | None:
        """The user with this id."""
        return self._users.get(object_id)

    def find(self, attribute: str, value: str) -> tuple[str, ...]:
        """The ids of the users whose `attribute` is `value`."""
        if attribute not in self._indexes:
            self._indexes[attribute] = {}
            for object_id, user in self._users.items():
                self._enter(attribute, user.get(attribute), object_id)
        return self._indexes[attribute].get(value.lower(), ())

    def add(self, object_id: str, attributes: Mapping[str, Attribute]) -> User:
        """A new user."""
        user: User = {"objectId": object_id, **attributes}
        self._users[object_id] = user
        for name in self._indexes:
            self._enter(name, user.get(name), object_id)
        return user

    def update(self, object_id: str, changes: Mapping[str, Attribute]) -> User:
        """Set attributes; None takes one away. Raises ControlError when there is no such user."""
        user = self._known(object_id)
        for name, value in changes.items():
            if name in self._indexes:
                self._leave(name, user.get(name), object_id)
                self._enter(name, value, object_id)
            if value is None:
                user.pop(name, None)
            else:
                user[name] = value
        return user

    def remove(self, object_id: str) -> None:
        """A user is gone. Raises ControlError when there is none."""
        user = self._known(object_id)
        del self._users[object_id]
        for name in self._indexes:
            self._leave(name, user.get(name), object_id)

    def _known(self, object_id: str) -> User:
        if object_id not in self._users:
            raise ControlError(f"There is no user '{object_id}' in the directory.")
        return self._users[object_id]

    def _enter(self, attribute: str, value: Attribute, object_id: str) -> None:
        if isinstance(value, str):
            index = self._indexes[attribute]
            index[value.lower()] = (*index.get(value.lower(), ()), object_id)

    def _leave(self, attribute: str, value: Attribute, object_id: str) -> None:
        if isinstance(value, str):
            index = self._indexes[attribute]
            rest = tuple(each for each in index.get(value.lower(), ()) if each != object_id)
            if rest:
                index[value.lower()] = rest
            else:
                index.pop(value.lower(), None)
