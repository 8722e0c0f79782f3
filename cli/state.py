"""`rollcall state`: in which format the state is, and the way back to the release before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Json

if TYPE_CHECKING:
    from shared.app import House

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def state() -> None:
    """Show the format of what Rollcall keeps, or go back to the state of release 0.1."""


def _house(ctx: typer.Context) -> House:
    """The app over the state as it is, of whatever release."""
    from cli.environment import Surroundings, surroundings

    around = ctx.obj if isinstance(ctx.obj, Surroundings) else surroundings()
    return around.any_house()


@app.command()
def show(ctx: typer.Context, json: Json = False) -> None:
    """Say which release wrote the state, and when it was migrated."""
    from cli import console

    marker = _house(ctx).state.marker()
    if json:
        console.print_json({"format": marker.version, "release": marker.release} if marker else {"format": None})
    elif marker is None:
        console.out().print("the state is of release 0.1, or there is none yet")
    else:
        since = f"{marker.migrated_at:%Y-%m-%d %H:%M} UTC"
        console.out().print(f"format {marker.version}, written by release {marker.release} since {since}")


@app.command()
def restore(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without a question.")] = False,
    json: Json = False,
) -> None:
    """Go back to the state of release 0.1. Stop the app first. Everybody who changed since is sent again."""
    from cli import console
    from cli.console import CommandError
    from shared.stores.state_restore import restore

    house = _house(ctx)
    if not yes and not typer.confirm("Is the app stopped, and shall the state of release 0.1 be restored?"):
        raise CommandError("nothing was changed")
    done = restore(house.storage, house.state.lease, house.clock.now())
    if json:
        console.print_json({"sources": done.sources, "people": done.people, "replanned": done.replanned})
        return
    console.out().print(
        f"restored {console.counted(len(done.sources), 'source')}: {console.counted(done.people, 'person', 'people')} "
        f"are sent again, {console.counted(done.replanned, 'drop')} are planned again. Deploy release 0.1 now"
    )


@app.command()
def repair(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without a question.")] = False,
    json: Json = False,
) -> None:
    """List what is stored and does not read, and repair what can be repaired here. Exit code 1: some damage is left."""
    from cli.check import repair

    raise typer.Exit(repair(_house(ctx), yes=yes, as_json=json))
