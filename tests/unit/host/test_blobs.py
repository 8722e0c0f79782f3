import json
import threading
from dataclasses import replace

import pytest

from emulator.host.blobs import BlobTrigger, Delivery, PathPattern
from emulator.host.dispatch import Dispatcher
from emulator.host.wire import AccountUnreachable, ConfigurationError, Trigger
from tests.unit.host.doubles import Functions, Shelf

ONCE = Delivery("DropStorage", tries=3, parallelism=2)


def trigger(shelf: Shelf, functions: Functions, delivery: Delivery = ONCE) -> BlobTrigger:
    pattern = PathPattern.parse("drops/{source}/{name}")
    return BlobTrigger("plan", pattern, shelf, delivery, Dispatcher(functions))


def names(functions: Functions) -> list[str]:
    return sorted(json.loads(handed.data.value.content)["BlobName"] for _, handed in functions.handed)


def refuse(trigger: Trigger) -> None:
    raise ValueError("unreadable")


def test_what_lies_there_at_the_start_and_what_comes_later_are_each_delivered_once() -> None:
    shelf, functions = Shelf(), Functions()
    watch = trigger(shelf, functions)
    shelf.put("hr/early.csv")
    watch.settle()
    shelf.put("hr/2026/late.csv")
    watch.settle()
    watch.settle()
    assert names(functions) == ["hr/2026/late.csv", "hr/early.csv"]


def test_a_new_version_under_the_same_name_is_delivered_again() -> None:
    shelf, functions = Shelf(), Functions()
    watch = trigger(shelf, functions)
    for _ in range(2):
        shelf.put("hr/today.csv")
        watch.settle()
    assert names(functions) == ["hr/today.csv", "hr/today.csv"]


def test_a_blob_outside_the_path_reaches_the_function_too() -> None:
    """As with Event Grid: the subscription says which events there are, and the path filters none."""
    shelf, functions = Shelf(), Functions()
    shelf.put("top.csv")
    trigger(shelf, functions).settle()
    assert names(functions) == ["top.csv"]


def test_a_trigger_that_polls_takes_what_fits_its_path() -> None:
    shelf, functions = Shelf(), Functions()
    shelf.put("readme.txt")
    shelf.put("hr/today.csv")
    trigger(shelf, functions, replace(ONCE, by_event=False)).settle()
    assert names(functions) == ["hr/today.csv"]


def test_an_sdk_type_is_handed_a_reference_and_never_content() -> None:
    shelf, functions = Shelf(), Functions()
    shelf.put("hr/today.csv", b"WorkerID")
    trigger(shelf, functions).settle()
    ((_, handed),) = functions.handed
    assert json.loads(handed.data.value.content) == {
        "Connection": "DropStorage",
        "ContainerName": "drops",
        "BlobName": "hr/today.csv",
    }
    assert handed.data.kind == "model_binding_data"
    assert handed.metadata == {}


def test_an_input_stream_is_handed_the_content_and_the_parts_of_the_path() -> None:
    shelf, functions = Shelf(), Functions()
    shelf.put("hr/2026/today.csv", b"WorkerID")
    trigger(shelf, functions, replace(ONCE, takes_sdk_type=False)).settle()
    ((_, handed),) = functions.handed
    assert handed.data.value == b"WorkerID"
    told = {name: value.value for name, value in handed.metadata.items()}
    assert told["BlobTrigger"] == "drops/hr/2026/today.csv"
    assert (told["source"], told["name"]) == ("hr", "2026/today.csv")


def test_after_the_last_try_a_blob_is_poison() -> None:
    shelf, functions = Shelf(), Functions({"plan": refuse})
    shelf.put("hr/bad.csv")
    trigger(shelf, functions).settle()
    assert functions.count("plan") == 3
    (message,) = map(json.loads, shelf.poisoned)
    assert message == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.plan",
        "BlobType": "BlockBlob",
        "ContainerName": "drops",
        "BlobName": "hr/bad.csv",
        "ETag": '"etag-1"',  # the service's, with its quotes
    }


def test_a_success_ends_the_tries() -> None:
    tries = iter([refuse, refuse])
    shelf = Shelf()
    functions = Functions({"plan": lambda handed: next(tries, lambda _: None)(handed)})
    shelf.put("hr/today.csv")
    trigger(shelf, functions).settle()
    assert functions.count("plan") == 3
    assert shelf.poisoned == []


def test_a_blob_deleted_meanwhile_is_dropped_silently() -> None:
    shelf = Shelf()

    def delete_and_fail(handed: Trigger) -> None:
        del shelf.held["hr/today.csv"]
        raise ValueError("gone")

    functions = Functions({"plan": delete_and_fail})
    shelf.put("hr/today.csv")
    trigger(shelf, functions).settle()
    assert functions.count("plan") == 1
    assert shelf.poisoned == []


def test_delivered_twice_means_both_run_at_the_same_moment() -> None:
    both = threading.Barrier(2, timeout=10)

    def meet(handed: Trigger) -> None:
        both.wait()

    shelf, functions = Shelf(), Functions({"plan": meet})
    shelf.put("hr/today.csv")
    trigger(shelf, functions, replace(ONCE, parallelism=1, copies=2)).settle()
    assert functions.count("plan") == 2
    assert not both.broken


def test_no_more_run_at_a_time_than_the_host_allows() -> None:
    threads: set[int] = set()

    def body(handed: Trigger) -> None:
        threads.add(threading.get_ident())

    shelf, functions = Shelf(), Functions({"plan": body})
    for number in range(6):
        shelf.put(f"hr/{number}.csv")
    trigger(shelf, functions).settle()
    assert functions.count("plan") == 6
    assert len(threads) == 2  # no delivery can end while the scan goes on, so each thread there may be was needed


def test_an_account_that_comes_back_gets_its_blobs_delivered() -> None:
    shelf, functions = Shelf(), Functions()
    watch = trigger(shelf, functions)
    shelf.put("hr/today.csv")
    shelf.away = True
    with pytest.raises(AccountUnreachable):
        watch.settle()
    shelf.away = False
    watch.settle()
    assert names(functions) == ["hr/today.csv"]


def test_a_blob_whose_delivery_met_a_lost_account_is_delivered_by_the_next_scan() -> None:
    shelf = Shelf()

    def lose_the_account(handed: Trigger) -> None:
        shelf.away = True
        raise ValueError("connection lost")

    functions = Functions({"plan": lose_the_account})
    watch = trigger(shelf, functions)
    shelf.put("hr/today.csv")
    watch.settle()
    shelf.away = False
    functions.bodies.clear()
    watch.settle()
    assert functions.count("plan") == 2
    assert shelf.poisoned == []


def test_a_trigger_fired_by_hand_takes_a_blob_of_any_container_as_an_event_does() -> None:
    shelf, functions = Shelf(), Functions()
    watch = trigger(shelf, functions)
    assert watch.fire("drops/hr/today.csv").succeeded
    assert watch.fire("elsewhere/today.csv").succeeded
    told = [json.loads(handed.data.value.content) for _, handed in functions.handed]
    assert [(each["ContainerName"], each["BlobName"]) for each in told] == [
        ("drops", "hr/today.csv"),
        ("elsewhere", "today.csv"),
    ]
    with pytest.raises(ConfigurationError, match="container"):
        watch.fire("today.csv")


def test_content_of_another_container_is_not_handed_over() -> None:
    watch = trigger(Shelf(), Functions(), replace(ONCE, takes_sdk_type=False))
    with pytest.raises(ConfigurationError, match="elsewhere"):
        watch.fire("elsewhere/today.csv")


@pytest.mark.parametrize(
    ("path", "name", "captured"),
    [
        ("drops/{source}/{name}", "hr/today.csv", {"source": "hr", "name": "today.csv"}),
        ("drops/{source}/{name}", "hr/2026/11/today.csv", {"source": "hr", "name": "2026/11/today.csv"}),
        ("drops/{source}/{name}", "today.csv", None),
        ("drops/{name}.csv", "hr/a.b.csv", {"name": "hr/a.b"}),
        ("drops/{name}.csv", "hr/a.txt", None),
        ("drops/in/{name}", "out/a.csv", None),
        ("drops", "any/thing", {"name": "any/thing"}),
    ],
)
def test_the_last_placeholder_spans_slashes(path: str, name: str, captured: dict[str, str] | None) -> None:
    assert PathPattern.parse(path).captured(name) == captured


@pytest.mark.parametrize("path", ["{container}/{name}", "", "drops/{name}/{name}"])
def test_a_path_that_no_container_fits_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="path"):
        PathPattern.parse(path)
