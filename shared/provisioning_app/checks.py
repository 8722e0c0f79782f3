"""`setup doctor`: what a check is; the caller, the file, the app and its job, the grants, the app's own books. Pure.

Enters: `Facts`. Leaves: checks. One that could not be made is `unknown`, with the reason; only `failed` makes the
command fail. Facts of the service: docs/entra.md B2, B7, B8, B11, E.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from shared.model.job import SynchronizationJob
from shared.model.limits import DAILY_CALLS, DAILY_CALLS_GOVERNANCE
from shared.provisioning_app import app_settings
from shared.provisioning_app.found import Found
from shared.provisioning_app.grants import ROLES, Grants
from shared.provisioning_app.tenant import SETTING_UP, Agents, Caller
from shared.provisioning_app.wanted import Wanted
from shared.status.job_words import quarantine_words

ADMINISTRATORS = ("Application Administrator", "Cloud Application Administrator", "Global Administrator")
HYBRID = ("Hybrid Identity Administrator", "Global Administrator")
STALE = timedelta(days=7)


class Status(StrEnum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    status: Status
    name: str
    title: str
    reason: str = ""
    remedy: str = ""


good = partial(Check, Status.GOOD)
warning = partial(Check, Status.WARNING)  # it works, and may surprise
failed = partial(Check, Status.FAILED)
unknown = partial(Check, Status.UNKNOWN)


def judged(name: str, title: str, fault: str, remedy: str, *, well: str = "") -> Check:
    """Failed where there is a fault; else good, and `well` says what was seen."""
    return failed(name, title, fault, remedy) if fault else good(name, title, well)


@dataclass(frozen=True)
class Operation:
    """What the app's own books say of the source."""

    storage_faults: tuple[str, ...] = ()
    last_settled: datetime | None = None
    daily_calls: int = DAILY_CALLS
    calls_used: int = 0


@dataclass(frozen=True)
class Facts:
    """Everything that is looked at. What could not be read is None, and `faults` says why by its name."""

    now: datetime
    wanted: Wanted | None = None
    caller: Caller | None = None
    found: Found | None = None
    endpoint: str = ""  # of the job that was found
    agents: Agents | None = None
    grants: Grants | None = None
    operation: Operation | None = None
    faults: tuple[tuple[str, str], ...] = ()
    settings: tuple[str, ...] | None = ()  # those that are faulty

    def fault(self, name: str) -> str:
        """Why this could not be read."""
        return dict(self.faults).get(name, "it was not looked at")


def tenant_checks(facts: Facts) -> Iterator[Check]:
    """The caller, the file, the app, its job and settings, the grants, and the app's own books."""
    yield _file(facts)
    yield from _caller(facts)
    yield from _app(facts)
    yield from _connection(facts)
    yield from _grants(facts)
    yield _app_settings(facts)
    yield from _operation(facts)


def _file(facts: Facts) -> Check:
    fault = "" if facts.wanted else facts.fault("file")
    return judged("file", "the source file says what is needed", fault, "complete it; docs/setup.md describes `app:`")


def _caller(facts: Facts) -> Iterator[Check]:
    caller, title = facts.caller, "you may set it up"
    if caller is None:
        yield failed("caller", "you are signed in", facts.fault("caller"), "az login, or --sign-in device-code")
        return
    yield good("caller", "you are signed in", caller.name)
    if caller.roles is None:
        yield unknown("roles", title, "Graph does not show your directory roles", f"you need {ADMINISTRATORS[0]}")
    else:
        yield from _roles(facts, caller.roles, title)
    name, title = "permissions", "your token carries the permissions"
    if caller.permissions is None:
        yield unknown(name, title, "your token does not tell them", f"needed are {', '.join(SETTING_UP)}")
        return
    lacking = ", ".join(need for need in SETTING_UP if need not in caller.permissions)
    fault = f"missing: {lacking}" if lacking else ""
    yield judged(name, title, fault, "use --sign-in device-code, which asks for them")


def _roles(facts: Facts, roles: frozenset[str], title: str) -> Iterator[Check]:
    held = ", ".join(sorted(roles)) or "none"
    none_of = f"your roles: {held}; none of {', '.join(ADMINISTRATORS)}" if roles.isdisjoint(ADMINISTRATORS) else ""
    yield judged("roles", title, none_of, f"activate or ask for {ADMINISTRATORS[0]}", well=held)
    if facts.wanted and facts.wanted.target == "active-directory" and roles.isdisjoint(HYBRID):
        reason = "setting up Active Directory also needs Hybrid Identity Administrator"
        yield failed("hybrid-role", "you may set up Active Directory", reason, "activate or ask for that role")


def _app(facts: Facts) -> Iterator[Check]:
    found, title = facts.found, "the provisioning app is there"
    if found is None:
        yield unknown("app", title, facts.fault("found"))
        return
    if not found.template_by_name:
        reason = "the gallery does not show the template by its name; its known id is used"
        yield warning("template", "the gallery template is found", reason, "nothing, unless making the app fails")
    if found.app is None:
        yield failed("app", title, "there is none yet", "rollcall setup apply")
        return
    yield good("app", title, f"{found.app.display_name} ({found.app.id})")
    if found.job is None:
        yield failed("job", "the job is there and runs", "there is none yet", "rollcall setup apply")
        return
    yield _job(found.job)
    yield from _settings(found, facts.wanted)
    if facts.wanted:
        yield _endpoint(facts.wanted, facts.endpoint)


def _job(job: SynchronizationJob) -> Check:
    fault = "" if job.is_started else f"it is {job.state}"
    remedy = "rollcall setup start"
    if job.quarantine:
        meaning, remedy = quarantine_words(job.quarantine)
        fault = f"in quarantine: {meaning}"
    return judged("job", "the job is there and runs", fault, remedy)


def _settings(found: Found, wanted: Wanted | None) -> Iterator[Check]:
    now = app_settings.notification(found.settings)
    title = "somebody is told of a quarantine"
    if not now.reaches_somebody:
        reason = "no notification e-mail: the job goes into quarantine when it starts"
        yield failed("mail", title, reason, "rollcall setup apply, then rollcall setup restart")
    elif wanted and now.recipients != wanted.email:
        yield warning("mail", title, f"{now.recipients}, not {wanted.email} of the file", "rollcall setup apply")
    else:
        yield good("mail", title, now.recipients)
    title = "mass deletions are stopped"
    if now.threshold is None:
        remedy = "set app.accidental_deletion_threshold, then rollcall setup apply"
        yield warning("threshold", title, "Entra's accidental-deletion prevention is off", remedy)
    elif wanted and wanted.threshold not in (None, now.threshold):
        yield warning(
            "threshold", title, f"{now.threshold}, not {wanted.threshold} of the file", "rollcall setup apply"
        )
    else:
        yield good("threshold", title, f"from {now.threshold} in one cycle on")


def _endpoint(wanted: Wanted, endpoint: str) -> Check:
    another = "it names another one" if wanted.endpoint else "it names none"
    fault = "" if wanted.endpoint == endpoint else another
    title = "the source file names this job's endpoint"
    return judged("endpoint", title, fault, "rollcall setup apply writes it")


def _connection(facts: Facts) -> Iterator[Check]:
    if not facts.wanted or facts.wanted.target != "active-directory":
        return
    title = "a provisioning agent works"
    if facts.agents is None:
        yield unknown("agents", title, facts.fault("agents"), "look at Entra Connect, Cloud sync, Agents in the portal")
    else:
        yield from _agents(facts.agents, facts.wanted, title)
    found, title = facts.found, "the connection to Active Directory is good"
    if found is None or found.job is None:
        return
    if found.connection_unknown:
        yield unknown("connection", title, found.connection_unknown, "Provisioning, Connectivity, Test connection")
    else:
        yield judged("connection", title, found.connection, "rollcall setup plan shows what to do")


def _agents(agents: Agents, wanted: Wanted, title: str) -> Iterator[Check]:
    told = ", ".join(f"{machine}: {status}" for machine, status in agents.agents) or "there is none"
    works = any(status.casefold() == "active" for _, status in agents.agents)
    remedy = "install the Microsoft Entra provisioning agent on a server of the domain, or start its service"
    yield judged("agents", title, "" if works else told, remedy, well=told)
    registered = wanted.domain.casefold() in {domain.casefold() for domain in agents.domains}
    fault = "" if registered else f"{wanted.domain} is not among {', '.join(agents.domains) or 'none'}"
    remedy = "add it in the agent's configuration wizard, or correct app.domain"
    yield judged("domain", "the domain is registered", fault, remedy, well=wanted.domain)


def _grants(facts: Facts) -> Iterator[Check]:
    grants, title = facts.grants, "the app's identity holds exactly its roles"
    if grants is None:
        remedy = "name it: --principal ID (the object id of the function app's identity)"
        yield unknown("grants", title, facts.fault("grants"), remedy)
        return
    if grants.missing:
        remedy = "rollcall setup grant --principal ID"
        yield failed("grants", title, f"missing: {', '.join(grants.missing)}", remedy)
    if grants.too_many:
        remedy = f"take them away: {', '.join(ROLES)} are enough"
        yield warning("grants-too-many", title, f"too many: {', '.join(grants.too_many)}", remedy)
    if grants.exact:
        yield good("grants", title)


def _app_settings(facts: Facts) -> Check:
    name, title = "app-settings", "the app's settings are right"
    if facts.settings is None:
        return unknown(name, title, facts.fault("settings"))
    return judged(name, title, "; ".join(facts.settings), "correct them: docs/settings.md has the rule of each")


def _operation(facts: Facts) -> Iterator[Check]:
    operation, title = facts.operation, "the app's storage answers"
    if operation is None:
        yield unknown("storage", title, facts.fault("operation"))
        return
    reason = "; ".join(operation.storage_faults)
    yield judged("storage", title, reason, "check the account, and your roles on it")
    if not reason:
        yield _quota(operation)
        yield _settled(operation, facts.now)


def _quota(operation: Operation) -> Check:
    tiers = f"{DAILY_CALLS:,} calls a day with Entra ID P1 or P2, {DAILY_CALLS_GOVERNANCE:,} with Entra ID Governance"
    told = f"DAILY_CALLS is {operation.daily_calls:,} ({operation.calls_used:,} used in 24 hours); a tenant has {tiers}"
    if operation.daily_calls in (DAILY_CALLS, DAILY_CALLS_GOVERNANCE):
        return good("quota", "the daily quota is one that tenants have", told)
    return warning("quota", "the daily quota is one that tenants have", told, "set DAILY_CALLS to what the tenant has")


def _settled(operation: Operation, now: datetime) -> Check:
    title = "a run was settled lately"
    if operation.last_settled is None:
        return warning("settled", title, "never yet", "drop a file, or try one person: rollcall setup rehearse --key K")
    age = now - operation.last_settled
    told = f"{operation.last_settled:%Y-%m-%d %H:%M} UTC, {age.days} days ago"
    return good("settled", title, told) if age < STALE else warning("settled", title, told, "does HR still send files?")
