"""`setup grant`: exactly three roles, by name, and nothing else."""

from __future__ import annotations

import pytest

from shared.model.errors import ConfigurationError, Refused
from shared.provisioning_app.grants import ROLES, grant, judged, look
from shared.provisioning_app.tenant import Held
from tests.unit.provisioning_app.office import Office

IDS = {name: f"id-{name}" for name in (*ROLES, "Directory.Read.All")}


def test_a_new_identity_gets_exactly_the_three() -> None:
    office = Office()
    uploader = office.entra.add_principal("rollcall-app")
    before, after = grant(office.tenant(), uploader.id)
    assert before.missing == tuple(ROLES)
    assert after.exact
    assert office.entra.tenant.principals.roles_of(uploader.id) == set(ROLES)


def test_what_it_had_already_is_said_and_not_granted_again() -> None:
    office = Office()
    uploader = office.entra.add_principal("rollcall-app", roles=["ProvisioningLog.Read.All"])
    before, after = grant(office.tenant(), uploader.id)
    assert before.had == ("ProvisioningLog.Read.All",)
    assert after.exact
    posts = [call for call in office.transport.calls if call.startswith("POST")]
    assert len(posts) == 2
    again = grant(office.tenant(), uploader.id)[0]
    assert again.missing == ()
    assert [call for call in office.transport.calls if call.startswith("POST")] == posts


def test_a_role_too_many_is_named_and_left_to_a_person() -> None:
    office = Office()
    uploader = office.entra.add_principal("rollcall-app", roles=["Application.ReadWrite.All"])
    _, after = grant(office.tenant(), uploader.id)
    assert after.too_many == ("Application.ReadWrite.All",)
    assert not after.exact


def test_broken_off_between_two_grants_the_next_one_goes_on() -> None:
    office = Office()
    uploader = office.entra.add_principal("rollcall-app")
    office.entra.plan_fault(route="appRoleAssignments", kind="status", status=500, skip=2, times=1)
    with pytest.raises(Refused):
        grant(office.tenant(), uploader.id)
    assert grant(office.tenant(), uploader.id)[1].exact


def test_a_caller_who_may_not_grant_is_told() -> None:
    office = Office(roles=("Application Administrator",))
    uploader = office.entra.add_principal("rollcall-app")
    with pytest.raises(Refused, match="Privileged Role Administrator"):
        grant(office.tenant(), uploader.id)


def test_looking_changes_nothing() -> None:
    office = Office()
    uploader = office.entra.add_principal("rollcall-app")
    assert look(office.tenant(), uploader.id)[0].missing == tuple(ROLES)
    assert not [call for call in office.transport.calls if not call.startswith("GET")]


def test_a_role_of_another_resource_is_too_many_as_well() -> None:
    held = [Held(IDS[name], "graph", "Microsoft Graph") for name in ROLES] + [Held("x", "other", "Key Vault")]
    assert judged(held, "graph", IDS).too_many == ("Key Vault: x",)


def test_a_cloud_whose_graph_lacks_a_role_is_said() -> None:
    with pytest.raises(ConfigurationError, match="no app role"):
        judged([], "graph", {"Directory.Read.All": "x"})
