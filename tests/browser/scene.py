"""A scene for the pages: an HR feed over some days, with everything a person may have to look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from shared.model.runs import Run, RunState
from tests.support.desk import Desk, Directory, Row, desk, people
from tests.support.graph import disabled, entry

TOKEN = "a-token-for-one-sign-in"
SCRIPT = "<script>document.title='taken over'</script>"
HYPERLINK = '=HYPERLINK("https://evil.example","click")'
ARABIC = "\u202eمحمد العربي"
LONG = "x" * 400
HOSTILE = (SCRIPT, HYPERLINK, ARABIC, LONG, 'O\'Neil "Bo" & <b>co</b>', "日本 太郎")
JOB = {
    "id": "job",
    "schedule": {"interval": "PT40M", "state": "Active"},
    "status": {
        "code": "Active",
        "lastExecution": {
            "state": "EntryLevelErrors",
            "timeBegan": "2026-11-02T05:20:00Z",
            "timeEnded": "2026-11-02T05:31:00Z",
            "countImported": 412,
            "countExported": 397,
            "countEscrowed": 15,
        },
        "quarantine": None,
        "synchronizedEntryCountByType": [{"key": "User", "value": 4211}],
        "steadyStateFirstAchievedTime": "0001-01-01T00:00:00Z",
    },
}
FAILURES = (
    ("EntryConflict", "Message: Another object with the same value for property userPrincipalName already exists."),
    ("InvalidDomain", "Message: The domain portion of the userPrincipalName property is invalid."),
    ("MandatoryFieldsMissing", "Message: Required attribute 'displayName' is missing."),
)


class SceneDirectory(Directory):
    """An Entra whose job answers, too, as the portal shows it."""

    portal: dict[str, Any] = JOB
    looks = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and request.url.path.rpartition("/")[0].endswith("/synchronization/jobs"):
            self.looks += 1
            return httpx.Response(200, json=self.portal, request=request)
        return super().handle_request(request)


def staff(count: int, start: int = 1) -> list[Row]:
    """So many people with proper titles."""
    titles = ("Sales Executive", "Accountant", "Engineer", "Nurse", "Buyer")
    return [replace(row, title=titles[number % 5]) for number, row in enumerate(people(count, start))]


def made_desk(folder: Path, **settings: str) -> Desk:
    """A desk whose Entra tells of its job; with a token for the console, unless other settings are given."""
    given = settings or {"CONSOLE_TOKEN": TOKEN, "CONSOLE_URL": "http://127.0.0.1:1/api/console"}
    made = desk(folder, "gates: {disables: 5%, changes: 30%}", **given)
    made.graph.__class__ = SceneDirectory
    return made


def settled(made: Desk, rows: list[Row] | bytes, name: str, failing: int = 0) -> Run:
    """A drop that was sent and answered; some failed, some were skipped."""
    run = made.sent(rows, name)
    made.clock.advance(minutes=4)
    log_everybody(made, run, made.clock.now(), failing)
    while made.run(run).state is RunState.SENT:
        made.clock.advance(minutes=20)
        made.rollcall.house.collect_logs()
    return made.run(run)


def log_everybody(made: Desk, run: Run, at: datetime, failing: int = 0) -> None:
    """Entra's log about the people of a run."""
    sent = [person for person in made.people(run) if person.chunk]
    for number, person in enumerate(sent):
        action = {"new": "create"}.get(person.action, "update")
        if number < failing:
            code, reason = FAILURES[0 if number < failing * 0.6 else 1 if number < failing * 0.9 else 2]
            found = entry(person.key, at, action, "failure", code=code, reason=reason)
        elif person.action == "disabled":
            found = disabled(person.key, at)
        else:
            found = entry(person.key, at, action)
            found["modifiedProperties"] = [{"displayName": "jobTitle", "oldValue": None, "newValue": "Engineer"}]
        found["provisioningSteps"] = steps(person.key, number < failing)
        made.graph.log.append(found)


def steps(key: str, failed: bool) -> list[dict[str, Any]]:
    """The steps of an entry, as D4 has them."""
    user = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    return [
        {
            "name": "EntryImportAdd", "provisioningStepType": "import", "status": "success",
            "description": f"Received {user} '{key}' change of type (Add) from API",
            "details": {"externalId": key, "displayName": f"Name of {key}"},
        },
        {
            "name": "EntryExportAdd", "provisioningStepType": "export", "status": "failure" if failed else "success",
            "description": f"'{key}' {'could not be' if failed else 'was'} created in Azure Active Directory",
            "details": {"ReportableIdentifier": key},
        },
    ]  # fmt: skip


def hostile_rows() -> list[Row]:
    """People whose keys, names and titles are made to hurt."""
    return [Row(id=f"h{number}", name=text, title=text) for number, text in enumerate(HOSTILE)] + [
        Row(id=text, name=text, title="Clerk") for text in (SCRIPT, HYPERLINK, ARABIC)
    ]
