"""The deployment as the checks see it: everything that has to agree, under one root. Enters: a folder. Reads only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.infra.function_app import FunctionApp
from tests.infra.predicted import Prediction, Resource
from tests.infra.source import BicepSource

# What a copy of the project must hold for the checks to run on it.
PARTS = (
    "azure.yaml",
    "docs/deploy.md",
    "docs/settings.md",
    "function_app.py",
    "host.json",
    "infra",
    "requirements.txt",
    ".github/workflows/deploy.yml",
)


@dataclass(frozen=True)
class Project:
    """A checkout, or a copy of the parts of one that matter here."""

    root: Path

    @property
    def infra(self) -> Path:
        return self.root / "infra"

    @cached_property
    def files(self) -> dict[str, BicepSource]:
        """Every Bicep file by its path under infra/: `main.bicep`, `modules/storage.bicep`."""
        paths = sorted(self.infra.rglob("*.bicep"))
        return {path.relative_to(self.infra).as_posix(): BicepSource(path) for path in paths}

    @cached_property
    def predicted(self) -> dict[str, Prediction]:
        """What each parameter file deploys: `main`, `locked-down`, and `events` for the second deployment."""
        names = ("main", "locked-down", "events")
        return {name: Prediction.of(name, self.json(f"infra/{name}.snapshot.json")) for name in names}

    @cached_property
    def deployments(self) -> tuple[Prediction, ...]:
        """The two whole deployments."""
        return self.predicted["main"], self.predicted["locked-down"]

    @property
    def subscription(self) -> Resource:
        """The event subscription."""
        return self.predicted["events"].one("Microsoft.EventGrid/systemTopics/eventSubscriptions")

    @cached_property
    def redeployments(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Base -> deployment -> how it differs from its base, or why it is refused."""
        found: dict[str, dict[str, dict[str, Any]]] = self.json("infra/redeployments.json")
        return found

    @cached_property
    def settings(self) -> dict[str, str]:
        """The app settings that are the same in every environment."""
        found: dict[str, str] = self.json("infra/app-settings.json")
        return found

    @cached_property
    def app(self) -> FunctionApp:
        """The function app."""
        return FunctionApp(self.text("function_app.py"))

    @cached_property
    def alert_queries(self) -> dict[str, str]:
        """The queries of the alert rules by the name of their file."""
        return {path.name: path.read_text(encoding="utf-8") for path in sorted((self.infra / "queries").glob("*.kql"))}

    @cached_property
    def workbook_queries(self) -> dict[str, str]:
        """The queries of the workbook by the title of their tile."""
        items = self.json("infra/workbook.json")["items"]
        tiles = [item["content"] for item in items if "query" in item["content"]]
        return {tile["title"]: tile["query"] for tile in tiles}

    @property
    def queries(self) -> dict[str, str]:
        """All of them."""
        return {**self.alert_queries, **self.workbook_queries}

    def json(self, path: str) -> Any:
        """A JSON file of the project."""
        return json.loads(self.text(path))

    def text(self, path: str) -> str:
        """A file of the project."""
        return (self.root / path).read_text(encoding="utf-8")

    def yaml(self, path: str) -> Any:
        """A YAML file of the project."""
        return yaml.safe_load(self.text(path))
