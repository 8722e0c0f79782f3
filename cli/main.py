"""`rollcall`: the words of the command line. What each command does stands in a module of its own.

Those modules are imported when their command runs, so that `rollcall --help` answers at once.
"""

from __future__ import annotations

import logging
import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cli.mapping.commands import app as mapping
from cli.options import By, Json, SourceChoice, SourceName, SourcesFolder, sources_folder, who
from cli.setup.commands import app as setup
from cli.state import app as state

if TYPE_CHECKING:
    from cli.environment import Surroundings

INTERRUPTED = 130  # as shells tell it


class AlertAction(StrEnum):
    """What `rollcall alerts` does beside listing them."""

    TEST = "test"


class Created(StrEnum):
    """What `rollcall revert` does with people whom the run created."""

    DISABLE = "disable"


class Commands(TyperGroup):
    """Says what went wrong in one line and ends with the exit code; no traceback for what a person can mend."""

    def invoke(self, ctx: Any) -> Any:  # Typer carries a Click of its own, whose names are private
        """Run the command."""
        from cli.console import CommandError, complain
        from emulator.host.wire import HostError
        from emulator.npm import LocalError
        from shared.model.errors import RollcallError

        try:
            return super().invoke(ctx)
        except (CommandError, RollcallError, LocalError, HostError) as error:
            complain(str(error))
            raise typer.Exit(getattr(error, "exit_code", 1)) from None
        except OSError as error:
            if error.filename is None:
                raise
            complain(f"{error.filename}: {error.strerror}")
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(setup, name="setup")
app.add_typer(mapping, name="mapping")
app.add_typer(state, name="state")


@app.callback()
def rollcall() -> None:
    """Turns HR's CSV drops into user accounts in Microsoft Entra ID, and proves what became of every row."""
    from emulator.stack import without_proxy

    os.environ.update(without_proxy(os.environ))
    logging.getLogger("azure.identity").setLevel(logging.ERROR)  # each way that is not open would be a warning
    signal.signal(signal.SIGTERM, _end)


def _around(ctx: typer.Context) -> Surroundings:
    """Where the command works: what the caller of `app` has handed in, else this process's environment."""
    from cli.environment import Surroundings, surroundings

    return ctx.obj if isinstance(ctx.obj, Surroundings) else surroundings()


def _end(*_: object) -> None:
    """A request to end unwinds like Ctrl-C: what was started is stopped."""
    raise KeyboardInterrupt


@app.command()
def local(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV files, dropped one after another.")],
    source: SourceName,
    sources: SourcesFolder = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the artefacts and directory.json are copied to.")
    ] = Path("out/local"),
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", help="Longest wait for one file. [default: by its size]"),
    ] = None,
    json: Json = False,
) -> None:
    """Run FILEs through the whole cloud on this machine, then stop it. Exit code 0: every run settled."""
    from cli.drops import must_be_files, source_named

    must_be_files(files)
    folder = sources_folder(sources)
    source_named(source, folder)
    from cli.local import local as run

    raise typer.Exit(run(files, source, folder, out, as_json=json, timeout=timeout))


@app.command()
def drop(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file.")],
    source: SourceName,
    wait: Annotated[bool, typer.Option("--wait", help="Follow its run to its end.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="Longest wait.")] = 3600,
    json: Json = False,
) -> None:
    """Drop FILE into the drops container, and say which run it becomes."""
    from cli.follow import drop

    raise typer.Exit(drop(_around(ctx), file, source, wait=wait, timeout=timeout, as_json=json))


@app.command()
def runs(ctx: typer.Context, source: SourceChoice = None, json: Json = False) -> None:
    """List the runs, oldest first."""
    from cli.runs import runs

    runs(_around(ctx).house(), source, as_json=json)


@app.command()
def alerts(
    ctx: typer.Context,
    action: Annotated[
        AlertAction | None, typer.Argument(metavar="[test]", help="`test` sends a test alert through every channel.")
    ] = None,
    json: Json = False,
) -> None:
    """List the alerts that hold, or test the channels. Exit code 1: a channel did not take the test."""
    from cli.check import alerts, test

    house = _around(ctx).house()
    if action is None:
        alerts(house, as_json=json)
    else:
        raise typer.Exit(test(house, as_json=json))


@app.command()
def show(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or `last`.")],
    people: Annotated[bool, typer.Option("--people", help="Everybody of the run, with what became of them.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Those who failed, were skipped or are unknown.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Copy the run's files there.")] = None,
    json: Json = False,
) -> None:
    """Show a RUN: state, figures, reasons, files, and people when asked."""
    from cli.runs import show

    show(_around(ctx).house(), run, people=people, failed=failed, out=out, as_json=json)


@app.command()
def plan(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file.")],
    source: SourceName,
    sources: SourcesFolder = None,
    first: Annotated[bool, typer.Option("--first", help="Plan it as the source's first drop.")] = False,
    json: Json = False,
) -> None:
    """Say what FILE would become; write nothing. Exit code 2: it does not read; 3: it would be held."""
    from cli.plan import plan

    raise typer.Exit(plan(_around(ctx), file, source, sources_folder(sources), first=first, as_json=json))


@app.command()
def approve(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The held run's id.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with the run.")],
    plan: Annotated[str, typer.Option("--plan", metavar="HASH", help="The plan's hash as it was shown.")] = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Release a held RUN: exactly the plan that was shown is sent. Refused where its source file has changed since."""
    from cli.decide import approve

    approve(_around(ctx).house(), run, reason, who(by), plan, as_json=json)


@app.command()
def cancel(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with the run.")] = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Stop a RUN that is not sent to its end."""
    from cli.decide import cancel

    cancel(_around(ctx).house(), run, reason, who(by), as_json=json)


@app.command()
def replan(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run of which nothing was sent, or that has ended.")],
    json: Json = False,
) -> None:
    """Plan the drop of RUN again, after its source file was changed."""
    from cli.decide import replan

    replan(_around(ctx).house(), run, as_json=json)


@app.command()
def resend(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    failed: Annotated[bool, typer.Option("--failed", help="Everybody who failed.")] = False,
    unanswered: Annotated[bool, typer.Option("--unanswered", help="Everybody whom the log says nothing of.")] = False,
    key: Annotated[list[str] | None, typer.Option("--key", metavar="KEY", help="This person; may be repeated.")] = None,
    json: Json = False,
) -> None:
    """Send people of RUN again, in a new run: the newest record that is known of each."""
    from cli.decide import resend

    outcomes = {name for name, wanted in (("failed", failed), ("unknown", unanswered)) if wanted}
    resend(_around(ctx).house(), run, key or [], outcomes, as_json=json)


@app.command()
def revert(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run that was sent, or sent in part.")],
    created: Annotated[
        Created | None,
        typer.Option("--created", help="Disable accounts that the log says RUN created. [default: they stay]"),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with the new run.")] = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Undo RUN: send each person the record they had before it, in a new run that is held until it is approved."""
    from cli.decide import revert
    from shared.model.runs import Revert

    revert(_around(ctx).house(), run, Revert(who(by), reason.strip(), created or ""), as_json=json)


@app.command("stop-sending")
def stop_sending(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is shown wherever the stop is.")],
    source: Annotated[
        str | None, typer.Option("--source", "-s", metavar="NAME", help="Only this feed. [default: all]")
    ] = None,
    by: By = "",
    json: Json = False,
) -> None:
    """Stop sending, of all sources or of one, from the next call on; runs wait until `rollcall resume`."""
    from cli.decide import stop_sending

    stop_sending(_around(ctx).house(), source, reason, who(by), as_json=json)


@app.command()
def resume(
    ctx: typer.Context,
    source: Annotated[
        str | None,
        typer.Option("--source", "-s", metavar="NAME", help="The stop of this feed. [default: the stop for all]"),
    ] = None,
    by: By = "",
    json: Json = False,
) -> None:
    """Send again after `rollcall stop-sending`. Exit code 1: there is nothing to resume."""
    from cli.decide import resume

    resume(_around(ctx).house(), source, who(by), as_json=json)


@app.command()
def person(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The person's key in the feed.")],
    source: SourceName,
    json: Json = False,
) -> None:
    """Say what Entra was last told of one person, when, in which run, with what outcome."""
    from cli.runs import person

    person(_around(ctx).house(), key, source, as_json=json)


@app.command()
def check(ctx: typer.Context, sources: SourcesFolder = None, json: Json = False) -> None:
    """Check the settings and the source files; name every fault at once. Exit code 1: there are some."""
    from cli.check import check

    raise typer.Exit(check(_around(ctx), sources_folder(sources), as_json=json))


@app.command()
def schema() -> None:
    """Print the JSON Schema of source files, for editors."""
    from cli.check import schema

    schema()


@app.command()
def feed(
    people: Annotated[int, typer.Option("--people", min=1, help="How many people on day 1.")] = 1000,
    day: Annotated[int, typer.Option("--day", min=1, help="Which day's file.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")] = 1,
    source: Annotated[
        str, typer.Option("--source", "-s", metavar="NAME", help="employees or contractors.")
    ] = "employees",
    clean: Annotated[bool, typer.Option("--clean", help="Without the mistakes of daily life.")] = False,
    fault: Annotated[
        str | None, typer.Option("--fault", metavar="TROUBLE", help="With this trouble; a wrong name lists them.")
    ] = None,
) -> None:
    """Make up an HR feed and print it: rollcall feed --people 500 > employees.csv"""
    from cli.feed import feed
    from emulator.feed import Feed

    feed(Feed(people, day, seed, clean), source, fault)


@app.command()
def demo(
    people: Annotated[int, typer.Option("--people", min=1, help="How many people.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other people.")] = 1,
    sources: SourcesFolder = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where its files are kept.")] = Path("out/demo"),
) -> None:
    """Show three days of an HR department, from file to account, on this machine."""
    from cli.local import demo

    raise typer.Exit(demo(people, seed, sources_folder(sources), out))


@app.command()
def up(
    sources: SourcesFolder = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep what is in storage there. [default: in memory]")
    ] = None,
    host: Annotated[bool, typer.Option("--host/--no-host", help="Leave the functions host to `func start`.")] = True,
) -> None:
    """Keep the whole cloud up on this machine until Ctrl-C."""
    from cli.local import up

    up(sources_folder(sources), keep, host=host)
