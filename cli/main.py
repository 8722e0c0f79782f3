"""`rollcall`: the words of the command line. What each command does stands in a module of its own.

Those modules are imported when their command runs, so that `rollcall --help` answers at once.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.options import Json, SourceName, SourcesFolder, sources_folder

INTERRUPTED = 130  # as shells tell it


class Commands(TyperGroup):
    """Says what went wrong in one line and ends with the exit code; no traceback for what a person can mend."""

    def invoke(self, ctx: Any) -> Any:  # Typer carries a Click of its own, whose names are private
        """Run the command."""
        from cli.console import complain
        from cli.errors import CommandError
        from local.storage import LocalError
        from shared.errors import RollcallError

        try:
            return super().invoke(ctx)
        except (CommandError, RollcallError, LocalError) as error:
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


@app.callback()
def rollcall() -> None:
    """Turns HR's CSV drops into user accounts in Microsoft Entra ID, and proves what became of every row."""
    from local.environment import without_proxy

    os.environ.update(without_proxy(os.environ))
    signal.signal(signal.SIGTERM, _end)


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
    from cli import run_local

    code = run_local.run(files, source, sources_folder(sources), out, as_json=json, timeout=timeout)
    raise typer.Exit(code)
