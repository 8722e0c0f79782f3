"""The steps from the app that there is to the one that is wanted. Enters: `Wanted`, `Found`. Leaves: steps. Pure.

Every step's effect shows in what is found, so that a plan made after breaking off holds exactly what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from shared.provisioning_app import app_settings
from shared.provisioning_app.edit_schema import Parse, asked_for, edited
from shared.provisioning_app.found import Found
from shared.provisioning_app.schema import decoded
from shared.provisioning_app.wanted import Wanted


class Act(StrEnum):
    """What a step does."""

    MAKE_APP = "make-app"
    MARK_APP = "mark-app"
    MAKE_JOB = "make-job"
    SAVE_SETTINGS = "save-settings"
    CHOOSE_DOMAIN = "choose-domain"
    BY_HAND = "by-hand"
    SAVE_SCHEMA = "save-schema"
    START = "start"
    RESTART = "restart"
    WRITE_ENDPOINT = "write-endpoint"


@dataclass(frozen=True)
class Step:
    """One thing to do; `portal` is the same in the words of the portal."""

    act: Act
    title: str
    portal: str
    details: tuple[str, ...] = ()
    asks: bool = False  # it can lose what was uploaded: a person says yes first


def plan(wanted: Wanted, found: Found, endpoint: str, parse: Parse) -> tuple[Step, ...]:
    """What is to be done, in order; nothing when all is as asked for. Raises ConfigurationError, GraphError.

    `endpoint` is the address of the job that was found, "" where there is none.
    """
    steps = [*_app(wanted, found), *_settings(wanted, found), *_domain(wanted, found)]
    steps += [*_schema(wanted, found, parse), *_start(found)]
    return (*steps, *_endpoint(wanted, found, endpoint))


def _app(wanted: Wanted, found: Found) -> Iterator[Step]:
    if found.app is None:
        where = (
            "found in the gallery" if found.template_by_name else "by its known id: the gallery did not show its name"
        )
        yield Step(
            Act.MAKE_APP,
            f"make the app {wanted.display_name!r}",
            "Enterprise applications, New application, API-driven provisioning, Create",
            (f"template {found.template_id} ({where})",),
        )
    if found.app is None or wanted.mark not in found.app.tags:
        yield Step(Act.MARK_APP, f"mark it as the app of source {wanted.source}", "", (f"tag {wanted.mark}",))
    if found.job is None:
        yield Step(Act.MAKE_JOB, "make its provisioning job", "Provisioning, Mode: Automatic, Save")


def _settings(wanted: Wanted, found: Found) -> Iterator[Step]:
    if details := app_settings.differences(list(found.settings), wanted):
        portal = "Provisioning, Settings, Send an email notification ..., Prevent accidental deletion"
        yield Step(Act.SAVE_SETTINGS, "save notification e-mail and threshold", portal, details)


def _domain(wanted: Wanted, found: Found) -> Iterator[Step]:
    if wanted.target != "active-directory":
        return
    if found.job is not None and not found.connection:
        return
    if found.by_hand:
        yield Step(Act.BY_HAND, "choose the domain and the default OU in the portal", "", clicks(wanted, found))
        return
    details = (
        f"domain {wanted.domain}, default OU {wanted.default_ou}",
        "Microsoft documents this setting for cloud sync, not for this app: Test connection decides whether it took",
    )
    portal = "Provisioning, Connectivity, Active Directory domain, Default OU, Test connection"
    yield Step(Act.CHOOSE_DOMAIN, "choose the domain and the default OU, and test the connection", portal, details)


def clicks(wanted: Wanted, found: Found) -> tuple[str, ...]:
    """What is left to do by hand, click by click (docs/entra.md B11)."""
    name = found.app.display_name if found.app else wanted.display_name
    return (
        f"entra.microsoft.com: Enterprise applications, {name}, Provisioning, Connectivity (Admin Credentials)",
        f"choose the Active Directory domain {wanted.domain}",
        f"enter the default OU for new users: {wanted.default_ou}",
        "Test connection, then Save",
        f"Test connection said: {found.connection}",
    )


def _schema(wanted: Wanted, found: Found, parse: Parse) -> Iterator[Step]:
    details = edited(decoded(found.schema), wanted, parse)[1] if found.schema else asked_for(wanted)
    if details:
        portal = "Provisioning, Attribute mapping; Edit attribute list for API; Source object scope"
        yield Step(Act.SAVE_SCHEMA, "save attribute list, mappings and scoping filters", portal, details)


def _start(found: Found) -> Iterator[Step]:
    if not found.is_started:
        was = f"it is {found.job.state if found.job else 'not there yet'}"
        yield Step(Act.START, "start provisioning", "Start provisioning", (was,))
    elif found.job and found.job.quarantine and not found.job.cycle:
        details = (
            "the job is in quarantine since its start, as one without a notification e-mail is; a restart takes it out",
            "uploads that no cycle has taken yet may be lost: send open runs again afterwards",
        )
        yield Step(Act.RESTART, "restart provisioning", "Restart provisioning", details, asks=True)


def _endpoint(wanted: Wanted, found: Found, endpoint: str) -> Iterator[Step]:
    if not endpoint or wanted.endpoint != endpoint:
        portal = "Provisioning, View technical information, Provisioning API Endpoint"
        yield Step(
            Act.WRITE_ENDPOINT, "write the endpoint into the source file", portal, (endpoint,) if endpoint else ()
        )
