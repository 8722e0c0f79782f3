"""`setup doctor`: a healthy app has nothing failed, and each seeded fault is found by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from emulator.entra.expressions import source_json
from shared.model.errors import GraphError
from shared.provisioning_app.apply import look
from shared.provisioning_app.checks import Check, Facts, Operation, Status, tenant_checks
from shared.provisioning_app.checks_mapping import mapping_checks
from shared.provisioning_app.grants import grant
from shared.provisioning_app.grants import look as look_at_grants
from shared.provisioning_app.schema import decoded, mapping_of, object_mapping, source_attributes
from shared.provisioning_app.tenant import Caller, Json
from tests.unit.provisioning_app.office import FILE, ON_PREMISES, Office, endpoint_at

MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
HEALTHY = FILE + f"  {MANAGER}: manager\n"
Seed = Callable[[Office], object]


def healthy(text: str = HEALTHY) -> Office:
    office = Office(text)
    office.apply()
    return office


def facts(office: Office) -> Facts:
    """What the doctor would gather, with a grant that is exact."""
    uploader = office.entra.add_principal("rollcall-app")
    grant(Office.tenant(office), uploader.id)
    found, _ = look(office.wanted, office.set_up())
    tenant = office.tenant()
    endpoint = endpoint_at(found.place) if found.job else ""
    operation = Operation((), office.clock.now(), 2000, 5)
    agents = tenant.agents() if office.wanted.target == "active-directory" else None
    grants = look_at_grants(tenant, uploader.id)[0]
    return Facts(
        office.clock.now(), office.wanted, tenant.caller(), found, endpoint, agents, grants, operation
    )  # fmt: skip


def checks(office: Office, **changes: object) -> dict[str, Check]:
    told = replace(facts(office), **changes)  # type: ignore[arg-type]  # a test's own changes
    schema = decoded(told.found.schema) if told.found and told.found.schema else None
    found = [*tenant_checks(told), *mapping_checks(schema, told.wanted)]
    assert len({check.name for check in found}) == len(found)
    return {check.name: check for check in found}


def statuses(found: dict[str, Check]) -> dict[str, str]:
    return {name: str(check.status) for name, check in found.items() if check.status is not Status.GOOD}


@pytest.mark.parametrize("text", [HEALTHY, ON_PREMISES + f"  {MANAGER}: manager\n"], ids=["entra", "active-directory"])
def test_a_healthy_app_has_nothing_that_failed(text: str) -> None:
    found = statuses(checks(healthy(text)))
    assert set(found) <= {"mail-attribute"}
    assert "failed" not in found.values()


def schema_of(office: Office) -> Json:
    found: Json = office.app.job.schema
    return found


def set_source(office: Office, target: str, name: str) -> None:
    mapping = mapping_of(schema_of(office), target)
    assert mapping is not None
    mapping["source"] = {"expression": f"[{name}]", "name": name, "type": "Attribute", "parameters": []}


def unmap(office: Office, target: str) -> None:
    mappings = object_mapping(schema_of(office))["attributeMappings"]
    mappings[:] = [each for each in mappings if each["targetAttributeName"] != target]


def change(office: Office, target: str, **values: object) -> None:
    mapping = mapping_of(schema_of(office), target)
    assert mapping is not None
    mapping.update(values)


def declare(office: Office, name: str, **values: object) -> None:
    (found,) = [each for each in source_attributes(schema_of(office)) if each["name"] == name]
    found.update(values)


def forget(office: Office, name: str) -> None:
    attributes = source_attributes(schema_of(office))
    attributes[:] = [each for each in attributes if each["name"] != name]


def quarantine(office: Office) -> None:
    office.app.job.quarantine = {"reason": "TooManyDeletes", "error": {"message": "7 users"}}


def settings(office: Office, **values: object) -> None:
    now = json.loads(office.app.secrets["SyncNotificationSettings"])
    office.app.secrets["SyncNotificationSettings"] = json.dumps(now | values)


RANDOM = {
    "expression": "RandomString(3)", "name": "RandomString", "type": "Function",
    "parameters": [{"key": "Length", "value": {"type": "Constant", "name": "3", "expression": "3", "parameters": []}}],
}  # fmt: skip
INVERTED = source_json('Switch([active], "True", "True", "False", "False", "True")')
OTHER_TYPE = '  phoneNumbers[type eq "mobile"].value: mobile\n'
SEEDS: dict[str, tuple[Seed, str, str]] = {
    "stopped": (lambda office: setattr(office.app.job, "schedule", "Paused"), "job", "failed"),
    "quarantine": (quarantine, "job", "failed"),
    "no mail": (lambda office: settings(office, Recipients=""), "mail", "failed"),
    "another mail": (lambda office: settings(office, Recipients="x@y.zz"), "mail", "warning"),
    "no threshold": (lambda office: settings(office, DeleteThresholdEnabled=False), "threshold", "warning"),
    "another threshold": (lambda office: settings(office, DeleteThresholdValue=9), "threshold", "warning"),
    "no endpoint": (lambda office: office.write_endpoint(""), "endpoint", "failed"),
    "no matching": (lambda office: change(office, "employeeId", matchingPriority=0), "matching", "failed"),
    "matching by another": (lambda office: set_source(office, "employeeId", "userName"), "matching", "failed"),
    "active": (lambda office: unmap(office, "accountEnabled"), "active", "failed"),
    "active inverted": (lambda office: change(office, "accountEnabled", source=INVERTED), "active", "failed"),
    "manager": (lambda office: unmap(office, "manager"), "manager", "warning"),
    "no name": (lambda office: unmap(office, "userPrincipalName"), "upn", "failed"),
    "changing name": (
        lambda office: change(office, "userPrincipalName", source=RANDOM, flowType="Always"), "upn", "failed",
    ),
    "not declared": (lambda office: forget(office, "title"), "declared", "failed"),
    "types clash": (lambda office: declare(office, "active", type="Integer"), "type-active", "failed"),
    "unmapped": (lambda office: unmap(office, "jobTitle"), "unmapped", "warning"),
    "nulls flow": (lambda office: declare(office, "title", flowNullValues=True), "null-flow", "warning"),
    "nulls flow where nothing is sent": (
        lambda office: declare(office, "nickName", flowNullValues=True), "null-flow", "failed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "expression", ['IIF([title]="x", [active], "False")', 'Switch([active], Now(), "False", "False")']
)
def test_an_account_state_that_cannot_be_said_here_is_no_fault(expression: str) -> None:
    office = healthy()
    change(office, "accountEnabled", source=source_json(expression))
    assert checks(office)["active"].status is Status.GOOD


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seeded_fault_is_found(seed: str) -> None:
    office = healthy()
    plant, name, status = SEEDS[seed]
    before = checks(office)
    assert before.get(name) is None or before[name].status is Status.GOOD
    plant(office)
    check = checks(office)[name]
    assert str(check.status) == status
    assert check.reason
    assert check.remedy


def test_a_mail_that_flows_always_is_told_of() -> None:
    assert statuses(checks(healthy()))["mail-attribute"] == "warning"


def test_a_phone_of_another_type_is_told_of() -> None:
    assert statuses(checks(healthy(HEALTHY + OTHER_TYPE)))["types-other-than-work"] == "warning"


def test_no_app_yet_is_a_failure_with_a_remedy() -> None:
    found = checks(Office(HEALTHY))
    assert found["app"].status is Status.FAILED
    assert found["app"].remedy == "rollcall setup apply"
    assert found["mappings"].status is Status.UNKNOWN


@pytest.mark.parametrize(("roles", "name"), [(["User Administrator"], "roles"), (["Application Administrator"], "")])
def test_a_missing_role_is_named_before_anything_is_tried(roles: list[str], name: str) -> None:
    caller = Caller("a@b.c", frozenset(roles), None)
    found = checks(healthy(), caller=caller)
    assert ("roles" in statuses(found)) is bool(name)
    assert found["permissions"].status is Status.UNKNOWN


def test_active_directory_needs_a_second_role() -> None:
    caller = Caller("a@b.c", frozenset({"Application Administrator"}), None)
    assert statuses(checks(healthy(ON_PREMISES), caller=caller))["hybrid-role"] == "failed"


def test_a_token_that_lacks_a_permission_is_named() -> None:
    caller = Caller("a@b.c", frozenset({"Application Administrator"}), frozenset({"Application.ReadWrite.All"}))
    check = checks(healthy(), caller=caller)["permissions"]
    assert check.status is Status.FAILED
    assert "Synchronization.ReadWrite.All" in check.reason


@pytest.mark.parametrize(("dials", "name"), [({"ad_agents": "inactive"}, "agents"), ({"ad_agents": "none"}, "agents")])
def test_an_agent_that_does_not_work_is_found(dials: Json, name: str) -> None:
    office = healthy(ON_PREMISES)
    office.entra.turn(**dials)
    found = statuses(checks(office))
    assert found[name] == "failed"
    assert found["connection"] == "failed"


def test_a_domain_that_is_not_registered_is_found() -> None:
    office = healthy(ON_PREMISES)
    office.entra.tenant.domains[:] = ["other.com"]
    assert statuses(checks(office))["domain"] == "failed"


@pytest.mark.parametrize(
    ("operation", "name", "status"),
    [
        (Operation(("no answer",)), "storage", "failed"),
        (Operation((), None), "settled", "warning"),
        (None, "storage", "unknown"),
        (Operation((), None, 1234), "quota", "warning"),
    ],
)
def test_the_apps_own_books_are_looked_at(operation: Operation | None, name: str, status: str) -> None:
    assert statuses(checks(healthy(), operation=operation))[name] == status


@pytest.mark.parametrize(("settings", "status"), [((), None), (("DAILY_CALLS: no",), "failed"), (None, "unknown")])
def test_faulty_settings_of_the_app_are_named(settings: tuple[str, ...] | None, status: str | None) -> None:
    found = checks(healthy(), settings=settings)
    assert statuses(found).get("app-settings") == status
    assert all(each in found["app-settings"].reason for each in settings or ())


def test_a_run_settled_long_ago_is_told_of() -> None:
    office = healthy()
    old = Operation((), office.clock.now() - timedelta(days=8))
    assert statuses(checks(office, operation=old))["settled"] == "warning"


def test_grants_too_few_and_too_many_are_found() -> None:
    office = healthy()
    little = office.entra.add_principal("little", roles=["Directory.Read.All"])
    grants = look_at_grants(office.tenant(), little.id)[0]
    found = statuses(checks(office, grants=grants))
    assert found["grants"] == "failed"
    assert found["grants-too-many"] == "warning"


def test_what_could_not_be_read_says_why() -> None:
    told = Facts(Office().clock.now(), faults=(("caller", str(GraphError("signing in did not work"))),))
    found = {check.name: check for check in tenant_checks(told)}
    assert found["caller"].reason == "signing in did not work"
    assert found["app"].status is Status.UNKNOWN
