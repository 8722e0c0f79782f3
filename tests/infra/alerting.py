"""Alerts and workbook against the app: the functions, the events and the fields they name, and the rules that use them.

Each check takes the project and yields faults, one sentence each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.alerting.findings import Severity
from shared.alerting.rules import NAMES
from tests.infra.events import alert_events
from tests.infra.predicted import Prediction
from tests.infra.project import Project

API_DRIVEN = "API2A"  # how the ids of jobs that take uploads begin: API2AAD and API2AD
SILENCE = ("checkpoint-age.kql", "nothing-ran.kql")  # which must fire when there is nothing to read
EVENT = re.compile(r"event\.event\)?\s*==\s*'(\w+)'")
FIELD = re.compile(r"\bevent\.(\w+)")
RULE = re.compile(r"\bevent\.rule == '([\w-]+)'")
LIST = re.compile(r"let (\w+) = dynamic\(\[(.+?)\]\)")


def functions(project: Project) -> Iterator[str]:
    """The functions that Bicep and the failure alert name are those of `function_app.py`."""
    app = project.app
    url = str(project.subscription.at("properties.destination.properties.endpointUrl"))
    called = re.search(r"functionName=Host\.Functions\.\{1\}', .*?, '(\w+)'\)", url)
    if called is None or called[1] not in app.triggered_by("blob_trigger"):
        yield "events: functionName is no function with a blob trigger"
    public, private = project.deployments
    path = "properties.functionAppConfig.scaleAndConcurrency.alwaysReady"
    ready = [each["name"] for each in public.one("Microsoft.Web/sites").at(path)]
    groups = {"blob": "blob_trigger", "http": "route"}
    for name in ready:
        known = app.triggered_by(groups[name]) if name in groups else name.removeprefix("function:") in app.functions
        if not known:
            yield f"main: alwaysReady {name!r} is no group of functions and no function"
    if ready != ["blob"] or private.one("Microsoft.Web/sites").at(path):
        yield "the trigger of drops is always ready where events come, and nowhere else"
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
    for each in project.deployments:
        yield from (f"{each.name}: {fault}" for fault in _rule_faults(project, each))
    passed = set(re.findall(r"event\.severity == '(\w+)'", "".join(project.alert_queries.values())))
    wanted = {str(severity) for severity in Severity if severity is not Severity.INFO}
    yield from (f"alerts of severity {severity} are passed on or they are not" for severity in sorted(passed ^ wanted))


def _rule_faults(project: Project, prediction: Prediction) -> Iterator[str]:
    rules = {
        each.name.removesuffix("-test"): each for each in prediction.of_type("Microsoft.Insights/scheduledQueryRules")
    }
    expected = {name.removesuffix(".kql") for name in project.alert_queries}
    yield from (f"{name} has no rule or no query of its own" for name in sorted(expected ^ set(rules)))
    group = prediction.one("Microsoft.Insights/actionGroups")
    for name, rule in rules.items():
        (criterion,) = rule.at("properties.criteria.allOf")
        query = project.alert_queries.get(f"{name}.kql", "")
        if criterion["query"] != query:
            yield f"{name} has the query of another rule"
        if 2 * _minutes(rule.at("properties.evaluationFrequency")) > _minutes(rule.at("properties.windowSize")):
            yield f"{name} would miss telemetry that arrives late"
        columns = [each["name"] for each in criterion["dimensions"]]
        yield from (
            f"{name} has no {column} to split by" for column in columns if not re.search(rf"\b{column}\b", query)
        )
        if [criterion[key] for key in ("timeAggregation", "operator", "threshold")] != ["Count", "GreaterThan", 0]:
            yield f"{name} does not fire when its query returns a row"
        if rule.at("properties.actions.actionGroups") != [group.id]:
            yield f"{name} reaches no one"
        # Without events the sweep finds every drop, and that is as it should be.
        if rule.at("properties.enabled") is not (name != "drop-without-run" or prediction.name == "main"):
            yield f"{name} is on or off, and should not be"
    if not group.at("properties.emailReceivers"):
        yield "no mail address gets the alerts"


def _minutes(duration: str) -> int:
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", duration)
    days, hours, minutes = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return (days * 24 + hours) * 60 + minutes


def _list(query: str, name: str) -> set[str]:
    """The words of `let name = dynamic(['a', 'b'])`."""
    found = dict(LIST.findall(query)).get(name, "")
    return set(re.findall(r"'(\w+)'", found))


CHECKS = (functions, events, alerts)
