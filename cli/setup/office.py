"""Whom a set-up command works for and where: the person, the cloud, the tenant, the source file.

Enters: the options of a command. Leaves: an `Office`. Nobody signs in before the first call of Graph.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import typer
from rich.prompt import Confirm
from rich.text import Text

from cli import console
from cli.console import Misused
from cli.drops import source_named
from cli.environment import Surroundings, surroundings
from cli.options import sources_folder
from cli.setup.source_file import DEFAULT, Folder, file_of, write_endpoint
from shared.clock import SystemClock
from shared.graph.client import GraphClient
from shared.graph.setup import GraphSetUp
from shared.graph.sign_in import CLOUDS, WAYS, LocalPerson, Person
from shared.graph.tokens import Tokens
from shared.model.endpoint import GRAPH_HOSTS, TrustedHosts, is_loopback
from shared.model.errors import ConfigurationError
from shared.provisioning_app.apply import SetUp
from shared.provisioning_app.found import Found, find
from shared.provisioning_app.tenant import NEEDS, JobPlace, Tenant
from shared.provisioning_app.wanted import Wanted, wanted_app
from shared.settings import is_reference
from shared.sources.source import Source, read_sources

SECRET = "ROLLCALL_SECRET_"


@dataclass(frozen=True)
class Options:
    """How to reach Graph, as given before the command's name."""

    graph_url: str = ""
    cloud: str = ""
    sign_in: str = "auto"
    tenant: str = ""
    client_id: str = ""


class Office:
    """One source, and the tenant it is set up in."""

    def __init__(
        self,
        around: Surroundings,
        options: Options,
        needs: tuple[str, ...],
        source: str | None = None,
        sources: Path | None = None,
        *,
        app_id: str = "",
        folder: Path | None = None,
        yes: bool = False,
        is_for_all: bool = False,
    ) -> None:
        """With `is_for_all` the work is the same for each source of a cloud, and any of them will do."""
        self.around = around
        self._options = options
        self.folder = sources_folder(sources)
        chosen = source or (self._any_source() if is_for_all else _only_source(self.folder))
        self.source: Source = source_named(chosen, self.folder)
        self.app_id = app_id
        self.yes = yes
        self.clock = SystemClock()
        self.kept = Folder(folder or DEFAULT, self.source.source)
        self._needs = needs
        self.client = httpx.Client(timeout=httpx.Timeout(60, connect=10), trust_env=not is_loopback(self.local_url))

    @cached_property
    def local_url(self) -> str:
        """The emulator's address; "" for a cloud. Raises ConfigurationError for one that is not on this machine."""
        url = self._options.graph_url or self.around.environ.get("LOCAL_GRAPH_URL", "")
        if url and not is_loopback(url):
            raise ConfigurationError(
                f"{url} is not on this machine; --graph-url is for the emulator (--cloud for clouds)"
            )
        return url.rstrip("/")

    @cached_property
    def origin(self) -> str:
        """Where Graph is."""
        return self.local_url or f"https://{self._host}"

    @property
    def _host(self) -> str:
        if self._options.cloud and self._options.cloud not in CLOUDS:
            raise Misused(f"there is no cloud {self._options.cloud!r}; known are {', '.join(CLOUDS)}")
        if self._options.cloud:
            return CLOUDS[self._options.cloud]
        return _cloud_of(self.source)

    def _any_source(self) -> str:
        """One of the sources, where all with an endpoint are of one cloud or the cloud is given. Raises Misused."""
        found = read_sources(self.folder)[0] if self.folder.is_dir() else {}
        placed = {name: _cloud_of(each) for name, each in found.items() if each.endpoint}
        hosts = sorted(set(placed.values()))
        if len(hosts) <= 1 or self._options.cloud or self.local_url:
            return min(placed or found, default="") or _only_source(self.folder)
        raise Misused(
            f"the sources are of several clouds ({', '.join(hosts)}). Say which source: --source NAME "
            f"(there are {', '.join(sorted(found))} in {self.folder})"
        )

    @cached_property
    def person(self) -> Person | LocalPerson:
        """Who is at work."""
        if self.local_url:
            return LocalPerson(self.local_url, self.client, self.clock.now, self._needs)
        if self._options.sign_in not in WAYS:
            raise Misused(f"there is no way to sign in named {self._options.sign_in!r}; known are {', '.join(WAYS)}")
        given: dict[str, Any] = {"client_id": self._options.client_id} if self._options.client_id else {}
        return Person(self._host, self._needs, self._options.sign_in, self._options.tenant, say=self.say, **given)

    @cached_property
    def graph(self) -> GraphClient:
        """Graph, called as the person; the tokens stay in memory."""
        tokens = Tokens(lambda: self.person, self.clock.now)
        return GraphClient(lambda: self.client, tokens, TrustedHosts(self.local_url), self.clock)

    @cached_property
    def tenant(self) -> Tenant:
        """The tenant."""
        return Tenant(GraphSetUp(self.graph, self.origin, self.say), self.person.permissions)

    @property
    def wanted(self) -> Wanted:
        """What the source file asks for. Raises ConfigurationError."""
        return wanted_app(self.source)

    def find(self) -> Found:
        """What there is."""
        return find(self.wanted, self.tenant, app_id=self.app_id)

    def set_up(self, *, start: bool = True) -> SetUp:
        """What applying works with."""
        return SetUp(
            self.tenant,
            self.kept,
            self.clock,
            self.endpoint_at,
            lambda url: write_endpoint(file_of(self.source.source, self.folder), url),
            self.say,
            lambda step: self.agreed(step.title, step.details),
            entered_secrets(os.environ),
            self.app_id,
            start,
        )

    def endpoint_at(self, place: JobPlace) -> str:
        """The upload address of a job (docs/entra.md A1)."""
        path = f"/v1.0/servicePrincipals/{place.principal_id}/synchronization/jobs/{place.job_id}/bulkUpload"
        return self.origin + path

    def say(self, text: str) -> None:
        """Progress."""
        console.err().print(Text(text, "dim"))

    def agreed(self, title: str, consequences: tuple[str, ...]) -> bool:
        """Say what will happen, and ask; without a terminal only --yes agrees."""
        screen = console.err()
        screen.print(Text(title, "bold"))
        for line in consequences:
            screen.print(Text(f"  {line}"))
        if self.yes:
            return True
        if not sys.stdin.isatty():
            screen.print("not done: say --yes to agree")
            return False
        return Confirm.ask("Do it?", console=screen, default=False)


def office(ctx: typer.Context, needs: str, *given: Any, **more: Any) -> Office:
    """The office of a command, with the permissions its work needs."""
    around = ctx.obj if isinstance(ctx.obj, Surroundings) else surroundings()
    params: Mapping[str, Any] = ctx.parent.params if ctx.parent else {}
    options = Options(**{name: params[name] or "" for name in Options.__dataclass_fields__ if name in params})
    found = Office(around, options, NEEDS[needs], *given, **more)
    ctx.call_on_close(found.client.close)
    return found


def entered_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Secrets that Entra shows masked, given anew in ROLLCALL_SECRET_{key}; they are never printed or kept."""
    found = {name: value for name, value in environ.items() if name.startswith(SECRET) and value}
    if unresolved := [name for name, value in found.items() if is_reference(value)]:
        raise ConfigurationError(f"{', '.join(unresolved)}: a reference to a key vault is no secret; give the secret")
    return {name.removeprefix(SECRET): value for name, value in found.items()}


def _cloud_of(source: Source) -> str:
    """The host of Graph that a source uploads to; the global one's while it has no endpoint."""
    named = source.endpoint.removeprefix("https://").partition("/")[0]
    return named if named in GRAPH_HOSTS else CLOUDS["global"]


def _only_source(folder: Path) -> str:
    names = sorted(read_sources(folder)[0]) if folder.is_dir() else []
    if len(names) == 1:
        return names[0]
    raise Misused(f"say which source: --source NAME (there are {', '.join(names) or 'none'} in {folder})")
