"""Every flow runs over a net below all loggers, as the worker hands them to the host: no secret and no person in it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping

import pytest

from shared.functions.invocations import quieten
from shared.settings import Settings
from shared.stores.memory import MemoryContainer
from tests.support.log_net import LogNet, below_every_logger, of_file, of_settings

quieten()  # as function_app.py


@pytest.fixture(autouse=True)
def net_of_the_flow(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogNet]:
    """What is dropped and what is set, as secrets and people of this flow; what was logged is looked at in the end."""
    net = LogNet(set())
    write, read = MemoryContainer.write, Settings.read

    def written(container: MemoryContainer, path: str, content: bytes) -> object:
        if path.count("/") == 1:  # {source}/{name}: a drop, and not a file of a run
            net.forbidden |= _people_in(content)
        return write(container, path, content)

    def settings(environ: Mapping[str, str]) -> Settings:
        net.forbidden |= of_settings(environ)
        return read(environ)

    monkeypatch.setattr(MemoryContainer, "write", written)
    monkeypatch.setattr(Settings, "read", settings)
    with below_every_logger(net):
        yield net
    assert net.caught == []


def _people_in(content: bytes) -> set[str]:
    """What a drop says of people; nothing where it is no file of people."""
    try:
        return of_file(content, leave_out=["status"])
    except (ValueError, csv.Error):
        return set()
