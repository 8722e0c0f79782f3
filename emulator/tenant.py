"""The emulated tenant of a stack: a provisioning app a source, and copies of the source files that point to it.

Enters: a folder of source files and the emulator's address. Leaves: a folder of the same files, each with `endpoint:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from emulator.npm import LocalError
from shared.model.errors import SourceError
from shared.sources.source import Source, read_source

SECONDS = 30.0
NOTIFIED = "hr-ops@contoso.com"  # a job without an address goes into quarantine (docs/entra.md B7)
_ENDPOINT = re.compile(r"""^["']?endpoint["']?[ \t]*:.*(?:\n[ \t]+\S.*)*""", re.MULTILINE)
_BUILT_IN = re.compile(r"urn:ietf:params:scim:schemas:(?:core|extension:enterprise):", re.IGNORECASE)

# Attributes of Graph's user that the portal's administrator would choose for these names of the extension schema
TARGETS = {"hiredate": "employeeHireDate", "leavedate": "employeeLeaveDateTime"}
EXTENSION_ATTRIBUTES = tuple(f"extensionAttribute{number}" for number in range(1, 16))


class Tenant:
    """The emulator, as far as a stack asks it for things."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def get(self, path: str) -> Any:
        """What a control route answers: `/_emulator/stats` and its kind."""
        return self._answer(self._client.get(path))

    def directory(self) -> bytes:
        """Every user of the tenant, as JSON."""
        response = self._client.get("/_emulator/directory")
        self._answer(response)
        return response.content

    def add_app(self, source: Source) -> str:
        """Make the provisioning app of a source, and answer its upload endpoint."""
        app = {
            "displayName": source.app.display_name if source.app else source.source,
            "target": source.app.target if source.app else "entra",
            "customAttributes": custom_attributes(source),
            "notificationEmail": (source.app.notification_email if source.app else "") or NOTIFIED,
        }
        return str(self._answer(self._client.post("/_emulator/apps", json=app))["endpoint"])

    def _answer(self, response: httpx.Response) -> Any:
        if response.is_error:
            raise LocalError(f"the Entra emulator answers {response.status_code}: {response.text[:300]}")
        return response.json()


class Sources:
    """The source files of a folder, copied with the endpoints of the emulator's apps."""

    def __init__(self, tenant: Tenant, folder: Path, copies: Path, only: str = "") -> None:
        self._tenant = tenant
        self._folder = folder
        self._copies = copies
        self._only = only  # the one source to copy; "" for all
        self._endpoints: dict[str, str] = {}
        self._seen: dict[str, str] = {}

    def publish(self) -> list[str]:
        """Copy what is new or has changed since the last time; answers the names of those files.

        A file with faults is copied as it is: the app tells its faults.
        """
        changed = []
        for file in source_files(self._folder):
            text = file.read_text(encoding="utf-8-sig", errors="replace")
            if self._seen.get(file.name) == text:
                continue
            self._seen[file.name] = text
            if (pointed := self._pointed(file.name, text)) is not None:
                (self._copies / file.name).write_text(pointed, encoding="utf-8")
                changed.append(file.name)
        return changed

    def _pointed(self, name: str, text: str) -> str | None:
        try:
            source = read_source(text, name)
        except SourceError:
            return None if self._only else text
        if self._only and source.source != self._only:
            return None
        if source.source not in self._endpoints:
            self._endpoints[source.source] = self._tenant.add_app(source)
        return with_endpoint(text, self._endpoints[source.source])


def source_files(folder: Path) -> Iterable[Path]:
    """The source files in a folder."""
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])


def with_endpoint(text: str, url: str) -> str:
    """The text of a source file with this endpoint; every other line keeps its number."""
    line = f"endpoint: {url}"
    if found := _ENDPOINT.search(text):
        return text[: found.start()] + line + "\n" * found[0].count("\n") + text[found.end() :]
    return text + ("" if text.endswith("\n") else "\n") + line + "\n"


def custom_attributes(source: Source) -> list[dict[str, str]]:
    """The attributes of a source's own schemas, each with the attribute of the user it flows to."""
    names = [name for name in source.attributes if name.lower().startswith("urn:") and not _BUILT_IN.match(name)]
    free = iter(EXTENSION_ATTRIBUTES)
    return [_custom(name, free) for name in names]


def _custom(name: str, free: Iterable[str]) -> dict[str, str]:
    target = TARGETS.get(name.rpartition(":")[2].lower()) or next(iter(free), "")
    return {"name": name, "target": target} if target else {"name": name}
