"""What the host reads before it starts: host.json, local.settings.json, the environment.

Files and text in, values out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from emulator.host.wire import ConfigurationError

TIME_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)")
_SETTING = re.compile(r"%([^%\s]+)%")
_LEVELS = {
    "Trace": "DEBUG",
    "Debug": "DEBUG",
    "Information": "INFO",
    "Warning": "WARNING",
    "Error": "ERROR",
    "Critical": "CRITICAL",
    "None": "CRITICAL",
}


@dataclass(frozen=True)
class HostJson:
    """The parts of host.json that this host obeys; the defaults are the platform's (docs/platform.md 3.3, 3.4)."""

    function_timeout: timedelta | None = timedelta(minutes=30)  # None: no limit
    blob_parallelism: int = 8
    blob_tries: int = 5
    route_prefix: str = "api"
    log_level: str = "INFO"

    @classmethod
    def read(cls, app_dir: Path) -> HostJson:
        """Read `host.json` in the app's folder; raises ConfigurationError when it is missing or wrong."""
        path = app_dir / "host.json"
        document = _read_object(path)
        if document.get("version") != "2.0":
            raise ConfigurationError(f'{path}: version must be "2.0"')
        extensions = document.get("extensions", {})
        blobs = extensions.get("blobs", {})
        level = document.get("logging", {}).get("logLevel", {}).get("default", "Information")
        return cls(
            function_timeout=_timeout(document.get("functionTimeout", "00:30:00")),
            blob_parallelism=_at_least_one(blobs, "maxDegreeOfParallelism", cls.blob_parallelism),
            blob_tries=_at_least_one(blobs, "poisonBlobThreshold", cls.blob_tries),
            route_prefix=str(extensions.get("http", {}).get("routePrefix", cls.route_prefix)).strip("/"),
            log_level=_LEVELS.get(level, "INFO"),
        )


def _timeout(text: str) -> timedelta | None:
    return None if text == "-1" else parse_time_span(text)


def parse_time_span(text: str) -> timedelta:
    """Read .NET's `[d.]hh:mm:ss`; raises ConfigurationError for anything else."""
    found = TIME_SPAN.fullmatch(text)
    if not found:
        raise ConfigurationError(f"{text!r} is not a TimeSpan such as 00:30:00")
    return timedelta(**{part: int(value) for part, value in found.groupdict(default="0").items()})


def _at_least_one(section: Mapping[str, Any], name: str, default: int) -> int:
    value = section.get(name, default)
    if not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"host.json: {name} must be a whole number of at least 1, not {value!r}")
    return value


def read_settings(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the app settings:

    `Values` of local.settings.json beneath the environment, which wins as in the real host.

    A missing file has no values. Raises ConfigurationError for an encrypted or unreadable one.
    """
    document = _read_object(path) if path.exists() else {}
    if document.get("IsEncrypted"):
        raise ConfigurationError(f"{path} is encrypted. Decrypt it with `func settings decrypt`.")
    values = document.get("Values", {})
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise ConfigurationError(f"{path}: the values of {', '.join(wrong)} must be strings")
    return {**values, **environ}


def _read_object(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} is missing") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} must hold a JSON object")
    return document


def expand(text: str, settings: Mapping[str, str]) -> str:
    """Replace each `%SETTING%` by its value; raises ConfigurationError naming the missing settings."""
    missing = sorted({name for name in _SETTING.findall(text) if name not in settings})
    if missing:
        raise ConfigurationError(f"{text!r} needs the app setting {', '.join(missing)}, which is not set")
    return _SETTING.sub(lambda found: settings[found[1]], text)
