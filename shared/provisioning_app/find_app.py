"""Which app in the tenant is the source's own: by its address, by the mark, by a name that is unambiguous. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.model.errors import ConfigurationError
from shared.provisioning_app.tenant import Principal
from shared.provisioning_app.wanted import Wanted

MARK = "rollcall:"


def own_app(wanted: Wanted, apps: Sequence[Principal]) -> Principal | None:
    """The source's app among those of its template; None where it has none yet. Raises ConfigurationError where a
    display name alone would have to decide."""
    marked = [app for app in apps if wanted.mark in app.tags]
    if len(marked) == 1:
        return marked[0]
    if marked:
        raise ConfigurationError(
            f"{len(marked)} apps carry the mark of source {wanted.source}: {_listed(marked)}. "
            "Delete the ones that are not used, or say which with --app ID"
        )
    named = [app for app in apps if app.display_name == wanted.display_name and not _owner(app)]
    if len(named) > 1:
        raise ConfigurationError(
            f"{len(named)} apps are named {wanted.display_name!r}: {_listed(named)}. Say which with --app ID"
        )
    return named[0] if named else None


def checked(wanted: Wanted, app: Principal | None, identity: str, template_id: str) -> Principal:
    """The app that somebody named by its id. Raises ConfigurationError where it is none, or another source's."""
    if app is None:
        raise ConfigurationError(
            f"source {wanted.source} says that its app is {identity}, and there is none in the tenant you are signed "
            "in to. Sign in to the right tenant; or, if the app was deleted, take the line `endpoint:` out of the file"
        )
    if app.template_id and app.template_id != template_id:
        raise ConfigurationError(
            f"the app {app.display_name!r} ({app.id}) was not made for the target {wanted.target}; "
            "name another app, or correct app.target"
        )
    owner = _owner(app)
    if owner and wanted.mark not in app.tags:
        raise ConfigurationError(f"the app {app.display_name!r} ({app.id}) belongs to source {owner} already")
    return app


def marked_tags(wanted: Wanted, app: Principal) -> tuple[str, ...]:
    """The app's tags with the source's mark."""
    return (*app.tags, wanted.mark)


def _owner(app: Principal) -> str:
    return next((tag.removeprefix(MARK) for tag in app.tags if tag.startswith(MARK)), "")


def _listed(apps: Iterable[Principal]) -> str:
    return ", ".join(f"{app.display_name} ({app.id})" for app in apps)
