"""`rollcall setup doctor`: gather what there is, and say of each thing whether it is as it must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rich.text import Text

from cli import console
from cli.console import CommandError
from cli.environment import HOW, settings_faults
from cli.setup.office import Office
from shared.alerting.rules import SETTING as RULE
from shared.model.errors import RollcallError
from shared.model.runs import RunState
from shared.provisioning_app.checks import Check, Facts, Operation, Status, tenant_checks
from shared.provisioning_app.checks_mapping import mapping_checks
from shared.provisioning_app.grants import look
from shared.provisioning_app.schema import decoded
from shared.settings import can_do_without, named_in

STYLES = {"good": "green", "warning": "yellow", "failed": "bold red", "unknown": "magenta"}
T = TypeVar("T")


class _Gathering:
    """Reads things, and keeps why one could not be read."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}

    def read(self, name: str, reading: Callable[[], T]) -> T | None:
        """What is read, or None with its fault kept."""
        try:
            return reading()
        except (RollcallError, CommandError) as error:
            self.faults[name] = str(error)
            return None


def doctor(office: Office, principal: str, *, as_json: bool) -> int:
    """Print every check. 1 when one failed."""
    checks = checked(office, principal)
    if as_json:
        console.print_json(checks)
    else:
        _print(checks)
    return 1 if any(check.status is Status.FAILED for check in checks) else 0


def checked(office: Office, principal: str) -> list[Check]:
    """Every check of the office's source."""
    gathering = _Gathering()
    wanted = gathering.read("file", lambda: office.wanted)
    caller = gathering.read("caller", office.tenant.caller)
    found = gathering.read("found", office.find) if wanted and caller else None
    on_premises = wanted is not None and wanted.target == "active-directory"
    agents = gathering.read("agents", office.tenant.agents) if on_premises and caller else None
    grants = gathering.read("grants", lambda: look(office.tenant, principal)[0]) if principal and caller else None
    if not principal:
        gathering.faults["grants"] = "nobody said which identity the app works as"
    operation = gathering.read("operation", lambda: operation_of(office))
    endpoint = office.endpoint_at(found.place) if found is not None and found.job is not None else ""
    settings = gathering.read("settings", lambda: faulty_settings(office))
    faults = tuple(gathering.faults.items())
    facts = Facts(office.clock.now(), wanted, caller, found, endpoint, agents, grants, operation, faults, settings)
    schema = decoded(found.schema) if found is not None and found.schema else None
    return [*tenant_checks(facts), *mapping_checks(schema, wanted)]


def operation_of(office: Office) -> Operation:
    """What the app's books say. Raises CommandError, StorageError."""
    house = office.around.house()
    found = house.health().get("faults")
    faults = map(str, found if isinstance(found, list) else ())
    # what health says of a source is left out: sources are checked one by one
    if storage_faults := tuple(fault for fault in faults if not fault.endswith("no endpoint yet")):
        return Operation(storage_faults)
    settled = [run.settled_at for run in house.ledger.runs(office.source.source, [RunState.SETTLED]) if run.settled_at]
    used = house.sender.quota.budget().used
    return Operation((), max(settled, default=None), house.settings.daily_calls, used)


def faulty_settings(office: Office) -> tuple[str, ...]:
    """The faulty settings of this environment, and those that the app has raised an alert about: it has settings that
    this machine does not see. Raises CommandError, RollcallError.
    """
    around = office.around
    if not around.is_set_up:
        raise CommandError(f"there are none here; {HOW}")
    here = settings_faults(around.environ)
    if not all(can_do_without(named_in(fault)) for fault in here):
        return here  # no storage can be looked at
    of_app = [each.finding.text for each in around.house().alerts.open() if each.is_open and each.finding.rule == RULE]
    return tuple(dict.fromkeys((*here, *of_app)))


def _print(checks: list[Check]) -> None:
    screen = console.out()
    for check in checks:
        screen.print(Text.assemble((f"{check.status:<8}", STYLES[check.status]), check.title))
        if check.reason:
            screen.print(Text(f"        {check.reason}", "dim"))
        if check.remedy:
            screen.print(Text(f"        {check.remedy}"))
    count = sum(check.status is Status.FAILED for check in checks)
    screen.print(f"{len(checks)} checks, {count} failed")
