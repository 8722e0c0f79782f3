"""References to managers (docs/entra.md A10)."""

from tests.unit.entra.world import World, changes, outcome, person, steps


def test_a_manager_who_is_already_there_is_written_with_the_person(world: World) -> None:
    world.provision(person("boss"))
    (entry,) = world.provision(person("1", manager="boss"))
    assert changes(entry)["manager"] == (None, world.users()["boss"]["id"])
    assert "EntrySynchronizationSkip" not in steps(entry)
    assert world.users()["1"]["manager"] == world.users()["boss"]["id"]


def test_a_manager_who_comes_later_in_the_cycle_follows_with_the_same_change(world: World) -> None:
    created, boss, followed = world.provision(person("1", manager="boss"), person("boss"))
    assert steps(created)[-2:] == ["EntrySynchronizationSkip", "EntryExportAdd"]
    skip = created["provisioningSteps"][-2]
    assert skip["provisioningStepType"] == "processing"
    assert skip["status"] == "success"
    assert skip["details"] == {
        "boss": "manager Add",
        "PropertyName": "manager",
        "SkipReason": "UnableToResolveReferenceAttributeValue",
    }
    assert skip["description"].startswith(
        f"We were unable to assign boss as the manager of {world.users()['1']['userPrincipalName']}."
    )
    assert outcome(created) == outcome(boss) == ("create", "success")
    assert outcome(followed) == ("update", "success")
    assert steps(followed) == ["EntryExportUpdate"]
    assert followed["changeId"] == created["changeId"]
    assert followed["cycleId"] == created["cycleId"]
    assert changes(followed) == {"manager": (None, world.users()["boss"]["id"])}


def test_a_circle_of_managers_resolves(world: World) -> None:
    world.provision(person("a", manager="b"), person("b", manager="c"), person("c", manager="a"))
    users = world.users()
    assert users["a"]["manager"] == users["b"]["id"]
    assert users["b"]["manager"] == users["c"]["id"]
    assert users["c"]["manager"] == users["a"]["id"]


def test_one_s_own_manager_resolves(world: World) -> None:
    world.provision(person("a", manager="a"))
    assert world.users()["a"]["manager"] == world.users()["a"]["id"]


def test_a_manager_who_appears_cycles_later_is_assigned_then(world: World) -> None:
    (created,) = world.provision(person("1", manager="boss"))
    world.entra.tick(3)
    assert len(world.entra.dump_log()) == 1
    _boss, followed = world.provision(person("boss"))
    assert followed["changeId"] == created["changeId"]
    assert followed["cycleId"] != created["cycleId"]
    assert world.users()["1"]["manager"] == world.users()["boss"]["id"]


def test_a_user_the_app_never_provisioned_is_no_manager(world: World) -> None:
    world.entra.add_user(employeeId="boss", accountEnabled="True")
    (entry,) = world.provision(person("1", manager="boss"))
    assert "EntrySynchronizationSkip" in steps(entry)
    assert "manager" not in world.users()["1"]


def test_the_newest_manager_wins(world: World) -> None:
    world.provision(person("1", manager="old"))
    world.provision(person("1", manager="new"))
    world.provision(person("old"), person("new"))
    assert world.users()["1"]["manager"] == world.users()["new"]["id"]


def test_an_update_that_says_nothing_of_the_manager_keeps_waiting_for_him(world: World) -> None:
    world.provision(person("1", manager="boss"))
    world.provision(person("1", title="x"))
    world.provision(person("boss"))
    assert world.users()["1"]["manager"] == world.users()["boss"]["id"]


def test_a_manager_who_fails_is_assigned_when_he_is_fixed(world: World) -> None:
    world.provision(person("1", manager="boss"), person("boss", drop=("displayName",)))
    assert "manager" not in world.users()["1"]
    world.provision(person("boss"))
    assert world.users()["1"]["manager"] == world.users()["boss"]["id"]


def test_a_manager_whose_user_was_deleted_is_unresolved(world: World) -> None:
    world.provision(person("boss"))
    world.entra.remove_user(world.users()["boss"]["id"])
    (entry,) = world.provision(person("1", manager="boss"))
    assert "EntrySynchronizationSkip" in steps(entry)
    assert "manager" not in world.users()["1"]


def test_a_new_manager_replaces_the_old_one(world: World) -> None:
    world.provision(person("a"), person("b"), person("1", manager="a"))
    (entry,) = world.provision(person("1", manager="b"))
    assert changes(entry)["manager"] == (world.users()["a"]["id"], world.users()["b"]["id"])
