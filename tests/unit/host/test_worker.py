"""The driver against the worker library itself. Each app has a module name of its own: one app per name and process."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from emulator.host import wire
from emulator.host.wire import AppAlreadyLoaded, IndexingFailed, UnknownFunction
from emulator.host.worker import Worker

HEAD = "import azure.functions as func\napp = func.FunctionApp()\n"
TIMER = """
@app.timer_trigger(arg_name="timer", schedule="%SEND%")
def {name}({argument}) -> None:
    {body}
"""

Load = Callable[[str, str], Worker]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load an app under a module name; the name reaches the library by its own setting."""

    def load(module: str, source: str) -> Worker:
        monkeypatch.setenv("PYTHON_SCRIPT_FILE_NAME", f"{module}.py")
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / f"{module}.py").write_text(HEAD + source)
        return Worker(tmp_path)

    return load


def timer(name: str, body: str, argument: str = "timer: func.TimerRequest") -> str:
    return TIMER.format(name=name, body=body, argument=argument)


def test_the_functions_and_their_bindings_are_known(load: Load) -> None:
    with load("app_of_one_timer", timer("one_timer", "return")) as worker:
        trigger = worker.functions["one_timer"].trigger
        assert (trigger.name, trigger.type, trigger.properties["schedule"]) == (
            "timer",
            "timerTrigger",
            "%SEND%",
        )
        assert worker.invoke("one_timer", wire.timer()).succeeded


def test_a_failure_is_a_value_with_its_message_and_trace(load: Load) -> None:
    with load("app_that_fails", timer("fails", "raise ValueError('no such column')")) as worker:
        ended = worker.invoke("fails", wire.timer())
    assert not ended.succeeded
    assert ended.failure is not None
    assert ended.failure.message == "ValueError: no such column"
    assert "in fails" in ended.failure.stack_trace


def test_a_timer_is_told_that_it_is_late_and_when_it_ran_last(load: Load) -> None:
    body = "assert timer.past_due and timer.schedule_status['Last'] == 'yesterday'"
    with load("app_that_is_late", timer("is_late", body)) as worker:
        assert worker.invoke("is_late", wire.timer(past_due=True, status={"Last": "yesterday"})).succeeded
        assert not worker.invoke("is_late", wire.timer()).succeeded


def test_a_function_that_runs_too_long_has_failed(load: Load) -> None:
    source = "import threading\nlet_go = threading.Event()\n" + timer("too_long", "let_go.wait(10)")
    with load("app_that_is_slow", source) as worker:
        ended = worker.invoke("too_long", wire.timer(), timeout=timedelta(milliseconds=20))
        import app_that_is_slow  # type: ignore[import-not-found] # written by this test

        app_that_is_slow.let_go.set()
    assert ended.failure is not None
    assert ended.failure.message.startswith("FunctionTimeoutException: Timeout value of 0:00:00.020000")


def test_an_async_function_runs_too(load: Load) -> None:
    source = timer("awaits", "return").replace("def awaits", "async def awaits")
    with load("app_that_awaits", source) as worker:
        assert worker.invoke("awaits", wire.timer()).succeeded


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("app_misnamed", timer("misnamed", "return", "tick: func.TimerRequest"), "tick"),
        ("app_mistyped", timer("mistyped", "return", "timer: func.QueueMessage"), "QueueMessage"),
        ("app_unimported", "import no_such_module_anywhere\n", "no_such_module_anywhere"),
        ("app_doubled", "other = func.FunctionApp()\n", "More than one"),
    ],
)
def test_an_app_that_azure_would_refuse_is_refused_here(load: Load, module: str, source: str, said: str) -> None:
    with pytest.raises(IndexingFailed, match=said):
        load(module, source)


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexingFailed, match="is missing"):
        Worker(tmp_path)


def test_an_unknown_function_is_answered_with_the_known_ones(load: Load) -> None:
    with (
        load("app_of_another_timer", timer("another", "return")) as worker,
        pytest.raises(UnknownFunction, match="there are another"),
    ):
        worker.invoke("nobody", wire.timer())


def test_a_second_app_of_the_same_name_is_not_mistaken_for_the_first(load: Load, tmp_path: Path) -> None:
    load("app_of_the_first", timer("the_first", "return")).close()
    second = tmp_path / "second"
    second.mkdir()
    (second / "app_of_the_first.py").write_text(HEAD)
    with pytest.raises(AppAlreadyLoaded, match="another process"):
        Worker(second)
