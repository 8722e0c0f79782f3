"""The resources that a deployment would make, as the Bicep compiler predicts them (`scripts/predict.py`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from scripts.predict import properties


@dataclass(frozen=True)
class Resource:
    """One predicted resource."""

    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The last part of its name: `drops` of `stdrops/default/drops`."""
        return str(self.body["name"]).rpartition("/")[2]

    @property
    def id(self) -> str:
        return str(self.body["id"])

    def at(self, path: str) -> Any:
        """The value at a dotted path; None where there is none."""
        found: Any = self.body
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def has(self, path: str) -> bool:
        """Whether the path is given, whatever its value."""
        parent, _, key = path.rpartition(".")
        holder = self.at(parent)
        return isinstance(holder, dict) and key in holder


@dataclass(frozen=True)
class Prediction:
    """What one parameter file deploys."""

    name: str
    resources: tuple[Resource, ...]

    @classmethod
    def of(cls, name: str, snapshot: dict[str, Any]) -> Prediction:
        """The prediction in a snapshot file of Bicep."""
        return cls(name, tuple(Resource(body) for body in snapshot["predictedResources"]))

    def of_type(self, kind: str, name: str = "") -> list[Resource]:
        """The resources of a type whose name contains these letters."""
        return [each for each in self.resources if each.body["type"] == kind and name in str(each.body["name"])]

    def one(self, kind: str, name: str = "") -> Resource:
        """The one resource of a type whose name contains these letters. Raises LookupError when it is not one."""
        found = self.of_type(kind, name)
        if len(found) != 1:
            raise LookupError(f"{self.name}: {len(found)} resources {kind} {name}")
        return found[0]

    @property
    def app_settings(self) -> dict[str, str]:
        """Every setting of the app, with its value."""
        return properties(self.one("Microsoft.Web/sites/config", "appsettings").body)


def short(identity: str) -> str:
    """A resource id, or an expression that holds one, without the parts that vary: subscription, group, hash."""
    text = re.sub(r"/subscriptions/[0-9a-f-]+(/resourceGroups/[\w-]+)?(/providers)?/?", "", identity)
    return re.sub(r"(sthost|stdrops|func-rollcall-)[a-z0-9]{13}", r"\1", text)
