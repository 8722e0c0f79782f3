"""Sources and their endpoints by name, as the steps ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.model.endpoint import Endpoint, TrustedHosts
from shared.model.errors import ConfigurationError, DropError
from shared.sources.source import Source, SourceFolder, no_such_source

if TYPE_CHECKING:
    from shared.graph.job import GraphJob  # which loads httpx: not every trigger calls anybody


class Endpoints:
    """The upload endpoint of each source, checked before anybody sends a token there."""

    def __init__(self, sources: SourceFolder, hosts: TrustedHosts) -> None:
        self._sources = sources
        self._hosts = hosts

    def source(self, name: str) -> Source:
        """The source that a folder of the drops container is named after. Raises DropError where there is none."""
        sources = self._sources.sources()
        if name in sources:
            return sources[name]
        way = "drop files into a folder named after their source"
        if not name:
            raise DropError(f"the file lies in no folder; {way}: {', '.join(sorted(sources)) or 'there is none yet'}")
        raise DropError(f"{no_such_source(name, sources, self._sources.faults())}; {way}")

    def today(self, name: str) -> Source:
        """The source of that name, as its file is now. Raises ConfigurationError where there is none that reads."""
        source = self._sources.sources().get(name)
        if source is None:
            why = "; ".join(self._sources.faults()) or "its file is gone; put it back"
            raise ConfigurationError(f"there is no source file of {name} that reads: {why}")
        return source

    def of(self, name: str) -> Endpoint:
        """The endpoint of a source. Raises ConfigurationError where it has none, or one that is not trusted."""
        source = self.today(name)
        if not source.endpoint:
            raise ConfigurationError(
                f"source {name} has no endpoint; `rollcall setup apply` writes it, or copy it from the portal "
                "(Provisioning, View technical information)"
            )
        return self._hosts.endpoint(source.endpoint)

    def all(self) -> dict[str, Endpoint]:
        """The endpoints by source; a source without a good one is left out: sending says so, run by run."""
        found: dict[str, Endpoint] = {}
        for name in self._sources.sources():
            try:
                found[name] = self.of(name)
            except ConfigurationError:
                continue
        return found

    def nulls_flow(self, name: str, job: GraphJob) -> str:
        """Whether the job of a source clears what a record leaves out: a sentence, or ""."""
        try:
            return job.nulls_flow(self.of(name))
        except ConfigurationError as error:
            return str(error)
