"""The environment a command works in: that of the process; beneath it, the settings of a deployment or of a laptop."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.console import CommandError
from emulator.host.configuration import read_settings
from shared.app import House, live
from shared.model.errors import SettingsError
from shared.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SETTINGS_FILE = ROOT / "local.settings.json"
DEPLOYED_SETTINGS = ROOT / "infra" / "app-settings.json"  # those that are the same in every environment
DEPLOYMENT = "DropStorage__blobServiceUri"  # an output of the deployment: who gives it looks at that one
HOW = "start a cloud on this machine with `rollcall up`, or set the outputs of a deployment (docs/deploy.md)"
DEVELOPMENT_STORAGE = "http://127.0.0.1:10000"


@dataclass(frozen=True)
class Surroundings:
    """What a command works in: the settings and everything else, and the house they lead to."""

    environ: Mapping[str, str]
    any_house: Callable[[], House]  # whatever release wrote its state

    def house(self) -> House:
        """The house, whose state this release can work on. Raises ConfigurationError, NewerState."""
        made = self.any_house()
        made.state.check_for_command()
        return made

    @property
    def is_set_up(self) -> bool:
        """Whether anything here says where the app's storage is."""
        return is_set_up(self.environ)


def surroundings() -> Surroundings:
    """Those of this process."""
    environ = environment(os.environ)
    return Surroundings(environ, lambda: house(environ))


def environment(process: Mapping[str, str]) -> dict[str, str]:
    """What a process is told, over the settings of the deployment it names, else over those of local.settings.json."""
    if DEPLOYMENT in process:
        return {**json.loads(DEPLOYED_SETTINGS.read_text(encoding="utf-8")), **process}
    return read_settings(SETTINGS_FILE, process)


def is_set_up(environ: Mapping[str, str]) -> bool:
    """Whether anything in an environment says where the app's storage is."""
    return any(name.startswith("DropStorage") for name in environ)


def settings_faults(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with the settings in an environment: one sentence each, which begins with the name."""
    try:
        return Settings.read(environ).left_out
    except SettingsError as error:
        return error.faults


def house(environ: Mapping[str, str]) -> House:
    """The house of an environment. Raises CommandError when nothing says where it is, or its emulator is not up."""
    if not is_set_up(environ):
        raise CommandError(f"there is no cloud here to look at; {HOW}")
    try:
        settings = Settings.read(environ)
    except SettingsError as error:
        raise CommandError(f"{error}; {HOW}") from None
    _must_listen(settings.connection_string)
    return live(environ)


def _must_listen(connection_string: str) -> None:
    """The emulator's address is asked once, here: the SDK would try for a long time."""
    if not connection_string:
        return
    parts = dict(part.split("=", 1) for part in connection_string.split(";") if "=" in part)
    address = urlsplit(parts.get("BlobEndpoint") or DEVELOPMENT_STORAGE)
    try:
        socket.create_connection((address.hostname or "", address.port or 80), timeout=2).close()
    except OSError:
        raise CommandError(
            f"nothing listens at {address.hostname}:{address.port}, where the settings say that storage is; "
            "start it with `rollcall up`"
        ) from None
