"""What is wrong, and what to do about it: `rollcall check` and `schema` (settings and source files), `alerts`, and
`state repair` (what is stored and does not read).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from cli import console
from cli.console import counted, say
from cli.environment import HOW, Surroundings, settings_faults
from shared.alerting.findings import Severity
from shared.alerting.raise_alerts import Alert, try_channels
from shared.app import House
from shared.model.endpoint import TrustedHosts
from shared.model.errors import ConfigurationError, RollcallError
from shared.settings import named_in
from shared.sources.source import json_schema, read_sources
from shared.stores.state_repair import Repair

_STYLES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "blue"}  # the worst first


def check(around: Surroundings, sources: Path, *, as_json: bool) -> int:
    """Say every fault there is in settings and source files, with its line. 0 when there is none."""
    faults, notes = list[str](), list[str]()
    if around.is_set_up:
        faults += [f"settings: {fault}" for fault in settings_faults(around.environ)]
    else:
        notes.append(f"settings: none here, so none were checked; {HOW}")
    found, source_faults = read_sources(sources)
    if not sources.is_dir():
        faults.append(f"{sources}: there is no such folder; say where the source files are with --sources")
    elif not found and not source_faults:
        faults.append(f"{sources}: there is no source file in this folder")
    faults += [f"{sources}/{fault}" for fault in source_faults]
    for name, source in sorted(found.items()):
        if source.endpoint:
            faults += _endpoint_faults(name, source.endpoint, around)
        else:
            notes.append(
                f"{name}: no endpoint in the file; on this machine it is made, in Azure it is copied from the portal"
            )
    if as_json:
        console.print_json({"faults": faults, "notes": notes, "sources": sorted(found)})
    else:
        good = [] if faults else [("good", f"source files read: {', '.join(sorted(found))}", "green")]
        lines = [*(("fault", each, "bold red") for each in faults), *(("note", each, "yellow") for each in notes)]
        for label, text, style in [*lines, *good]:
            console.out().print(Text.assemble((f"{label:<7}", style), text))
    return 1 if faults else 0


def _endpoint_faults(name: str, endpoint: str, around: Surroundings) -> Iterator[str]:
    try:
        TrustedHosts(around.environ.get("LOCAL_GRAPH_URL", "")).endpoint(endpoint)
    except ConfigurationError as error:
        yield f"{name}: {error}"


def schema() -> None:
    """The JSON Schema of source files, for editors."""
    console.print_json(json_schema())


def alerts(house: House, *, as_json: bool) -> None:
    """The alerts that hold, the worst first."""
    order = list(_STYLES)
    found = sorted(
        (alert for alert in house.alerts.open() if alert.is_open),
        key=lambda alert: (order.index(alert.finding.severity), alert.raised_at),
    )
    if as_json:
        console.print_json(list(map(_alert_json, found)))
    elif not found:
        console.out().print("no alerts")
    else:
        table = console.table("severity", "since", "alert", "to do")
        for alert in found:
            it = alert.finding
            severity, since = Text(it.severity, _STYLES[it.severity]), f"{alert.raised_at:%Y-%m-%d %H:%M}"
            run = f" ({it.run_id})" if it.run_id else ""
            table.add_row(severity, since, f"{it.title}: {it.text}{run}", it.remedy)
        console.print_table(console.out(), table)


def _alert_json(alert: Alert) -> dict[str, Any]:
    finding = alert.finding
    names = ("severity", "rule", "source", "run_id", "title", "text", "remedy")
    told = {"key": alert.key, **{name: getattr(finding, name) for name in names}}
    return told | {"raised_at": alert.raised_at.isoformat(), "changed_at": alert.changed_at.isoformat()}


def test(house: House, *, as_json: bool) -> int:
    """Send every channel an alert that means nothing; 1 when one of them did not take it."""
    told = list(try_channels(house.channels, house.planner.now()))
    told += [(named_in(fault), fault) for fault in house.settings.left_out if named_in(fault).startswith("ALERT_")]
    if as_json:
        console.print_json([{"channel": name, "took_it": not fault, "fault": fault} for name, fault in told])
    else:
        for name, fault in told:
            console.out().print(f"{name}: {fault or 'took it'}")
        if len(told) == 1:
            console.out().print("only the log is told; name channels with ALERT_TEAMS_URL, ALERT_SLACK_URL, ...")
    return int(any(fault for _, fault in told))


def repair(house: House, *, yes: bool, as_json: bool) -> int:
    """Show every damage; after a question, repair what can be repaired. 1 when damage is left."""
    found = house.repairs.all()
    to_do = [each for each in found if each.act]
    if not as_json:
        _print_damage(found)
    is_meant = bool(to_do) and (yes or (not as_json and typer.confirm(f"Repair {counted(len(to_do), 'thing')}?")))
    failed = {each.damage.place: fault for each in to_do if is_meant and (fault := _repair(house, each))}
    if as_json:
        console.print_json([_damage_json(each, failed, is_meant=is_meant) for each in found])
    elif is_meant:
        console.out().print(f"repaired {counted(len(to_do) - len(failed), 'thing')}")
        for fault in failed.values():
            console.out().print(f"not repaired: {fault}")
    return int(len(found) > (len(to_do) - len(failed) if is_meant else 0))


def _repair(house: House, repair: Repair) -> str:
    """Carry it out; why it could not be, or "". One that fails keeps no other from being carried out."""
    try:
        house.repairs.carry_out(repair)
    except RollcallError as error:
        return str(error)
    return ""


def _print_damage(found: list[Repair]) -> None:
    if not found:
        console.out().print("everything that was read lately reads well")
    for each in found:
        say("damaged", f"{each.damage.what}: {each.damage.fault}", "bold red")
        say("where", each.damage.place)
        say(*(("repair", each.what) if each.act else ("to do", each.damage.remedy)))


def _damage_json(repair: Repair, failed: Mapping[str, str], *, is_meant: bool) -> dict[str, object]:
    damage = repair.damage
    return {
        "what": damage.what,
        "place": damage.place,
        "fault": damage.fault,
        "source": damage.source,
        "run_id": damage.run_id,
        "repair": repair.what,
        "remedy": "" if repair.act else damage.remedy,
        "repaired": bool(repair.act) and is_meant and damage.place not in failed,
        "failure": failed.get(damage.place, ""),
    }
