"""Alerts and workbook against the app: the functions, the events and the fields they name, and the rules that use them.

Each check takes the project and yields faults, one sentence each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from shared.alerting.findings import Severity
from shared.alerting.rules import NAMES
from tests.infra.bicep import at, plain
from tests.infra.events import alert_events
from tests.infra.project import Project

APP = "modules/function-app.bicep"
API_DRIVEN = "API2A"  # how the ids of jobs that take uploads begin: API2AAD and API2AD
SILENCE = ("checkpoint-age.kql", "nothing-ran.kql")  # which must fire when there is nothing to read
EVENT = re.compile(r"event\.event\)?\s*==\s*'(\w+)'")
FIELD = re.compile(r"\bevent\.(\w+)")
RULE = re.compile(r"\bevent\.rule == '([\w-]+)'")
LIST = re.compile(r"let (\w+) = dynamic\(\[(.+?)\]\)")


def functions(project: Project) -> Iterator[str]:
    """The functions that Bicep and the failure alert name are those of `function_app.py`."""
    app = project.app
    events = project.files["events.bicep"].named("functionName")
    if events is None or plain(events.value) not in app.triggered_by("blob_trigger"):
        yield "events.bicep: functionName is no function with a blob trigger"
    group = re.search(r"alwaysReady: isPrivate \? \[\] : \[\{ name: '([\w:]+)'", project.files[APP].source)
    ready = group[1] if group else ""
    groups = {"blob": "blob_trigger", "http": "route"}
    if not (app.triggered_by(groups[ready]) if ready in groups else ready.removeprefix("function:") in app.functions):
        yield f"{APP}: alwaysReady {ready!r} is no group of functions and no function"
    watched = _list(project.alert_queries.get("function-failed.kql", ""), "functions")
    expected = app.triggered_by("blob_trigger", "timer_trigger", "queue_trigger")
    yield from (f"function-failed.kql: {name} is watched or it is not" for name in sorted(watched ^ expected))


def events(project: Project) -> Iterator[str]:
    """Each query reads events that the app logs, and fields that they have; every timer's event is waited for."""
    app = project.app
    logged = {**app.events, **alert_events()}
    for name, query in project.queries.items():
        named = set(EVENT.findall(query)) | (_list(query, "expected") if "event.event" in query else set())
        if "parse_json(Message)" in query and not named:
            yield f"{name}: which event does it read?"
        yield from (f"{name}: nothing logs {event}" for event in sorted(named - set(logged)))
        fields = {field for event in named & set(logged) for field in logged[event]} | {"event"}
        yield from (f"{name}: its events have no {field}" for field in sorted(set(FIELD.findall(query)) - fields))
        if "AppTraces" in query and "where Message startswith '{\"event\":'" not in query:
            yield f"{name}: a message that is no event would be read as one"
        if "AADProvisioningLogs" in query and f"where JobId startswith '{API_DRIVEN}'" not in query:
            yield f"{name}: the log is that of all jobs of the tenant, such as those of other apps"
        for rule in sorted(set(RULE.findall(query)) - set(NAMES)):
            yield f"{name}: Rollcall raises no alert {rule}"
    for name in SILENCE:
        if re.search(r"summarize [^|]* by ", project.alert_queries.get(name, "")):
            yield f"{name}: where nothing was logged there would be no row, and no alert"
    timed = {event for each in app.triggered_by("timer_trigger") for event in app.functions[each].events}
    waited = _list(project.alert_queries.get("nothing-ran.kql", ""), "expected")
    yield from (f"nothing-ran.kql: {event} is waited for or it is not" for event in sorted(waited ^ timed))


def alerts(project: Project) -> Iterator[str]:
    """Each query has a rule of its own; what Rollcall calls critical or a warning is passed on; rules can fire."""
    declared = project.files["modules/alerts.bicep"].named("rules")
    rules: list[dict[str, Any]] = plain(declared.value) if declared else []
    used = [getattr(rule.get("query"), "text", "") for rule in rules]
    for name in project.alert_queries:
        if used.count(f"loadTextContent('../queries/{name}')") != 1:
            yield f"modules/alerts.bicep: {name} has no rule of its own"
    for rule in rules:
        if f"'../queries/{rule.get('name')}.kql'" not in getattr(rule.get("query"), "text", ""):
            yield f"modules/alerts.bicep: {rule.get('name')} has the query of another rule"
        if 2 * _minutes(str(rule.get("every"))) > _minutes(str(rule.get("window"))):
            yield f"modules/alerts.bicep: {rule.get('name')} would miss telemetry that arrives late"
        query = project.alert_queries.get(f"{rule.get('name')}.kql", "")
        unknown = [column for column in rule.get("splitBy") or () if not re.search(rf"\b{column}\b", query)]
        yield from (f"modules/alerts.bicep: {rule.get('name')} has no {column} to split by" for column in unknown)
    passed = set(re.findall(r"event\.severity == '(\w+)'", "".join(project.alert_queries.values())))
    wanted = {str(severity) for severity in Severity if severity is not Severity.INFO}
    yield from (f"alerts of severity {severity} are passed on or they are not" for severity in sorted(passed ^ wanted))
    rule_resource = project.files["modules/alerts.bicep"].resources("Microsoft.Insights/scheduledQueryRules")[0]
    criteria = at(plain(rule_resource.body), "properties.criteria.allOf")[0]
    if [criteria.get(key) for key in ("timeAggregation", "operator", "threshold")] != ["Count", "GreaterThan", 0]:
        yield "modules/alerts.bicep: a rule fires when its query returns a row"
    if "actionGroups: [actionGroup.id]" not in project.files["modules/alerts.bicep"].source:
        yield "modules/alerts.bicep: nobody is told"


def _minutes(duration: str) -> int:
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", duration)
    days, hours, minutes = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return (days * 24 + hours) * 60 + minutes


def _list(query: str, name: str) -> set[str]:
    """The words of `let name = dynamic(['a', 'b'])`."""
    found = dict(LIST.findall(query)).get(name, "")
    return set(re.findall(r"'(\w+)'", found))


CHECKS = (functions, events, alerts)
