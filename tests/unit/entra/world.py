"""An emulator with a stopped clock, and short ways to upload, tick and read its log."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from emulator.entra import Dials, Entra, EntraTransport
from emulator.entra.state import App

Json = dict[str, Any]
NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CSV = "urn:ietf:params:scim:schemas:extension:csv:1.0:User"
UPLOADER = ("SynchronizationData-User.Upload", "ProvisioningLog.Read.All", "Synchronization.ReadWrite.All")


class StoppedClock:
    """Time that only moves when it is told to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class World:
    """One emulator, one provisioning app, one client that holds a good token."""

    def __init__(
        self,
        *,
        app: bool = True,
        target: Any = "entra",
        custom: tuple[str | tuple[str, str], ...] = (),
        seed: int = 7,
        **dials: Any,
    ) -> None:
        self.clock = StoppedClock()
        self.entra = Entra(Dials().turned({"log_calls": 1000, "window_calls": 1000, **dials}), self.clock, seed)
        self.client = httpx.Client(transport=EntraTransport(self.entra), base_url="https://graph.microsoft.com")
        self.sign_in()
        self._app = self.entra.add_app(target=target, custom_attributes=custom) if app else None

    @property
    def app(self) -> App:
        assert self._app is not None
        return self._app

    @property
    def job_path(self) -> str:
        return f"/v1.0/servicePrincipals/{self.app.service_principal_id}/synchronization/jobs/{self.app.job.id}"

    def sign_in(self, *roles: str, **settings: Any) -> None:
        """The client carries a new token."""
        if not roles and "scopes" not in settings:
            roles = UPLOADER
        token = self.entra.issue_token(roles=roles, **settings)
        self.client.headers["Authorization"] = f"Bearer {token}"

    def post(self, body: Any, path: str | None = None, **headers: str) -> httpx.Response:
        """A bulk request as bytes: `body` is JSON or already text."""
        content = body if isinstance(body, str) else json.dumps(body)
        given = {"Content-Type": "application/scim+json", **headers}
        return self.client.post(path or f"{self.job_path}/bulkUpload", content=content.encode(), headers=given)

    def upload(self, *people: Json) -> httpx.Response:
        """Upload people and expect 202."""
        response = self.post(bulk(*people))
        assert response.status_code == 202, response.text
        return response

    def provision(self, *people: Json) -> list[Json]:
        """Upload people, run a cycle, and give the new log entries, oldest first."""
        known = len(self.entra.dump_log())
        self.upload(*people)
        self.entra.tick()
        return self.entra.dump_log()[known:]

    def users(self, target: Any = "entra") -> dict[str, Json]:
        """The users by their employee id."""
        key = "employeeId" if target == "entra" else "employeeID"
        return {str(each.get(key, each["id"])): each for each in self.entra.dump_directory(target)}

    def log(self, **options: str) -> Json:
        """One page of the log over HTTP."""
        params = {f"${name}": value for name, value in options.items()}
        response = self.client.get("/v1.0/auditLogs/provisioning", params=params)
        assert response.status_code == 200, response.text
        body: Json = response.json()
        return body

    def ids(self, **options: str) -> list[str]:
        """The source ids on one page of the log."""
        return [each["sourceIdentity"]["id"] for each in self.log(**options)["value"]]


def bulk(*people: Json) -> Json:
    """A bulk request."""
    operations = [{"method": "POST", "bulkId": str(number), "path": "/Users", "data": each}
                  for number, each in enumerate(people)]  # fmt: skip
    return {"schemas": [BULK], "Operations": operations, "failOnErrors": None}


def person(external_id: str | None, **more: Any) -> Json:
    """A SCIM user with what the default mappings need. `more` replaces or adds; `drop` names what to leave out."""
    dropped = more.pop("drop", ())
    data: Json = {
        "schemas": [CORE, ENTERPRISE],
        "externalId": external_id,
        "userName": f"user{external_id}@contoso.com",
        "displayName": f"Person {external_id}",
        "name": {"givenName": "Per", "familyName": f"Son{external_id}"},
        "active": True,
    }
    if "department" in more or "manager" in more:
        data[ENTERPRISE] = {}
    if "department" in more:
        data[ENTERPRISE]["department"] = more.pop("department")
    if "manager" in more:
        data[ENTERPRISE]["manager"] = {"value": more.pop("manager")}
    if "hire_date" in more:
        data["schemas"] = [CORE, ENTERPRISE, CSV]
        data[CSV] = {"HireDate": more.pop("hire_date")}
    data |= more
    return {name: value for name, value in data.items() if name not in dropped}


def sparse(external_id: str, **attributes: Any) -> Json:
    """A partial payload: the id and only what is named."""
    return {"schemas": [CORE, ENTERPRISE], "externalId": external_id, **attributes}


def outcome(entry: Json) -> tuple[str, str]:
    """Action and status."""
    return entry["provisioningAction"], entry["provisioningStatusInfo"]["status"]


def error_code(entry: Json) -> str:
    """The errorCode of a failed entry."""
    code: str = entry["provisioningStatusInfo"]["errorInformation"]["errorCode"]
    return code


def steps(entry: Json) -> list[str]:
    """The names of its steps."""
    return [each["name"] for each in entry["provisioningSteps"]]


def changes(entry: Json) -> dict[str, tuple[str | None, str | None]]:
    """Its modified properties: name -> (old, new)."""
    return {each["displayName"]: (each["oldValue"], each["newValue"]) for each in entry["modifiedProperties"]}


MakeWorld = Callable[..., World]
