"""`rollcall setup ...`: the words of its commands. What each one does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import Json, SourcesFolder

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Source = Annotated[
    str | None, typer.Option("--source", "-s", metavar="NAME", help="Whose app. [default: the only source there is]")
]
AnySource = Annotated[
    str | None,
    typer.Option("--source", "-s", metavar="NAME", help="Whose cloud. [default: any source, where all are of one]"),
]
App = Annotated[
    str, typer.Option("--app", metavar="ID", help="The app's service principal, where a name fits several.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree to everything that is asked.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", metavar="DIR", help="Where backups are kept. [default: out/setup]")
]
File = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="A CSV file instead of the newest drop.")]
Key = Annotated[str, typer.Option("--key", "-k", metavar="KEY", help="The person's key.")]
Principal = Annotated[
    str,
    typer.Option("--principal", metavar="ID", help="The object id of the app's identity, as the deployment prints it."),
]


@app.callback()
def setup(
    cloud: Annotated[
        str, typer.Option("--cloud", help="global, us-gov, us-dod or china. [default: the endpoint's]")
    ] = "",
    sign_in: Annotated[str, typer.Option("--sign-in", help="auto, azure-cli or device-code.")] = "auto",
    tenant: Annotated[str, typer.Option("--tenant", metavar="ID", help="The tenant to sign in to.")] = "",
    client_id: Annotated[
        str, typer.Option("--client-id", metavar="ID", help="An app of your own for the device code.")
    ] = "",
    graph_url: Annotated[
        str, typer.Option("--graph-url", metavar="URL", help="The emulator on this machine. [default: LOCAL_GRAPH_URL]")
    ] = "",
) -> None:
    """Set up the provisioning app in Entra that a source file asks for. Signs in as you; keeps no token."""


@app.command()
def plan(
    ctx: typer.Context, source: Source = None, sources: SourcesFolder = None, app_id: App = "", json: Json = False
) -> None:
    """Show what `apply` would do; change nothing. Exit code 2: there is something to do."""
    from cli.setup.apply import plan

    raise typer.Exit(plan(_office(ctx, "SETTING_UP", source, sources, app_id=app_id), as_json=json))


@app.command()
def apply(
    ctx: typer.Context,
    source: Source = None,
    sources: SourcesFolder = None,
    app_id: App = "",
    start: Annotated[bool, typer.Option("--start/--no-start", help="Start provisioning in the end.")] = True,
    folder: Folder = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Do what `plan` shows; run it again whenever it broke off. Exit code 3: something is left to a person."""
    from cli.setup.apply import apply

    found = _office(ctx, "SETTING_UP", source, sources, app_id=app_id, folder=folder, yes=yes)
    raise typer.Exit(apply(found, start=start, as_json=json))


@app.command()
def doctor(
    ctx: typer.Context,
    source: Source = None,
    sources: SourcesFolder = None,
    app_id: App = "",
    principal: Principal = "",
    json: Json = False,
) -> None:
    """Check everything and change nothing. Exit code 1: a check failed."""
    from cli.setup.doctor import doctor

    found = _office(ctx, "DOCTOR", source, sources, app_id=app_id)
    raise typer.Exit(doctor(found, principal, as_json=json))


@app.command()
def status(
    ctx: typer.Context, source: Source = None, sources: SourcesFolder = None, app_id: App = "", json: Json = False
) -> None:
    """Show the job: state, quarantine and its cure, last cycle, counts. Exit code 1: it does not run."""
    from cli.setup.job import status

    raise typer.Exit(status(_office(ctx, "READING", source, sources, app_id=app_id), as_json=json))


@app.command()
def mappings(
    ctx: typer.Context, source: Source = None, sources: SourcesFolder = None, app_id: App = "", json: Json = False
) -> None:
    """Show the attribute mappings, and beside them what the source sends."""
    from cli.setup.schemas import mappings

    mappings(_office(ctx, "READING", source, sources, app_id=app_id), as_json=json)


@app.command()
def backup(
    ctx: typer.Context, source: Source = None, sources: SourcesFolder = None, app_id: App = "", folder: Folder = None
) -> None:
    """Save the job's mappings to a file, byte for byte."""
    from cli.setup.schemas import backup

    backup(_office(ctx, "READING", source, sources, app_id=app_id, folder=folder))


@app.command()
def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup, of this app or of another one.")],
    source: Source = None,
    sources: SourcesFolder = None,
    app_id: App = "",
    folder: Folder = None,
    yes: Yes = False,
) -> None:
    """Put the mappings of a backup into the app, after showing what changes and saving what there is."""
    from cli.setup.schemas import restore

    found = _office(ctx, "SETTING_UP", source, sources, app_id=app_id, folder=folder, yes=yes)
    raise typer.Exit(restore(found, file))


@app.command()
def diff(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A backup. [default: the source file]")] = None,
    source: Source = None,
    sources: SourcesFolder = None,
    app_id: App = "",
) -> None:
    """Show how the job's mappings differ from a backup, or from what the source file asks for. Exit code 2: they do."""
    from cli.setup.schemas import diff

    raise typer.Exit(diff(_office(ctx, "SETTING_UP", source, sources, app_id=app_id), file))


@app.command()
def start(
    ctx: typer.Context, source: Source = None, sources: SourcesFolder = None, app_id: App = "", yes: Yes = False
) -> None:
    """Start provisioning."""
    from cli.setup.job import start

    raise typer.Exit(start(_office(ctx, "SETTING_UP", source, sources, app_id=app_id, yes=yes)))


@app.command()
def stop(
    ctx: typer.Context, source: Source = None, sources: SourcesFolder = None, app_id: App = "", yes: Yes = False
) -> None:
    """Stop provisioning: uploads are still taken, and pile up."""
    from cli.setup.job import stop

    raise typer.Exit(stop(_office(ctx, "SETTING_UP", source, sources, app_id=app_id, yes=yes)))


@app.command()
def restart(
    ctx: typer.Context,
    scope: Annotated[
        str,
        typer.Option("--scope", metavar="NAMES", help="What is forgotten. [default: what the portal's button does]"),
    ] = "",
    resend: Annotated[bool, typer.Option("--resend", help="Then send the source's open runs again.")] = False,
    source: Source = None,
    sources: SourcesFolder = None,
    app_id: App = "",
    yes: Yes = False,
) -> None:
    """Restart provisioning, after saying what that loses."""
    from cli.setup.job import restart

    found = _office(ctx, "SETTING_UP", source, sources, app_id=app_id, yes=yes)
    raise typer.Exit(restart(found, scope, resend=resend))


@app.command()
def rehearse(
    ctx: typer.Context,
    key: Key,
    file: File = None,
    minutes: Annotated[float, typer.Option("--minutes", help="Longest wait for an answer.")] = 60,
    source: Source = None,
    sources: SourcesFolder = None,
    app_id: App = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Send one person, follow the log and print every step. Exit code 1: it failed; 3: no answer came."""
    from cli.setup.one_person import rehearse

    found = _office(ctx, "REHEARSE", source, sources, app_id=app_id, yes=yes)
    raise typer.Exit(rehearse(found, key, file, minutes, as_json=json))


@app.command()
def preview(
    ctx: typer.Context,
    key: Key,
    file: File = None,
    source: Source = None,
    sources: SourcesFolder = None,
    app_id: App = "",
    json: Json = False,
) -> None:
    """Show what each attribute of a person's account would get; send nothing."""
    from cli.setup.one_person import preview

    preview(_office(ctx, "READING", source, sources, app_id=app_id), key, file, as_json=json)


@app.command()
def endpoint(ctx: typer.Context, source: Source = None, sources: SourcesFolder = None, app_id: App = "") -> None:
    """Print the job's upload address."""
    from cli.setup.job import endpoint

    endpoint(_office(ctx, "READING", source, sources, app_id=app_id))


@app.command()
def grant(
    ctx: typer.Context,
    principal: Principal,
    source: AnySource = None,
    sources: SourcesFolder = None,
    json: Json = False,
) -> None:
    """Give the app's identity exactly the three roles it works with, and warn of any other. Exit code 1: not exact."""
    from cli.setup.apply import grant

    raise typer.Exit(grant(_office(ctx, "GRANTING", source, sources, is_for_all=True), principal, as_json=json))


def _office(ctx: typer.Context, needs: str, *given: Any, **more: Any) -> Any:
    """The office of a command, with the permissions it needs."""
    from cli.setup.office import office

    return office(ctx, needs, *given, **more)
