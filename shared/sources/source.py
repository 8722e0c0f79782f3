"""A source: one HR feed, as its YAML file describes it. Where it drops, how it reads, how it maps, what its gates are.

Enters: the text of a source file. Leaves: a `Source`, or a SourceError that names every fault at once with its line.
`json_schema()` is what editors complete and check these files with.
"""

from __future__ import annotations

import codecs
import re
import threading
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema, field_validator, model_validator

from shared.model import scim
from shared.model.errors import SourceError
from shared.model.runs import SOURCE_NAME
from shared.sources.rules import REQUIRED_ATTRIBUTES, Model, Rule, Text, attribute_faults, existing_zone
from shared.sources.source_yaml import parse

PERCENT = re.compile(r"\d{1,3}(\.\d+)?%")
NO_FILE_ENCODINGS = {"idna", "punycode", "undefined", "utf-7", "unicode-escape", "raw-unicode-escape"}


def _codec(name: str) -> str:
    return codecs.lookup(name).name.replace("_", "-")


def _limit(value: Any) -> Any:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    if isinstance(value, str) and PERCENT.fullmatch(value):
        return value
    raise ValueError("write a count, a percentage such as 5%, or null for no limit")


Limit = Annotated[
    int | str | None,
    BeforeValidator(_limit),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": f"^{PERCENT.pattern}$"},
                {"type": "null"},
            ]
        }
    ),
]
"""A gate's limit: a count, a percentage such as `5%`, or null for no limit."""


class AppMapping(Model):
    """What one attribute of the account gets: an attribute that is sent, or an expression over such attributes."""

    source: str | None = Field(None, description="the attribute that is sent: its name under `attributes`")
    expression: str | None = Field(None, min_length=1, max_length=10_000, description="an expression of Entra's")
    when: Literal["always", "create"] = Field("always", description="create: only when the account is made")
    default: str | None = Field(None, description="the value where the source has none")

    @model_validator(mode="before")
    @classmethod
    def _a_bare_name_is_a_source(cls, value: Any) -> Any:
        return {"source": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_origin(self) -> AppMapping:
        if (self.source is None) == (self.expression is None):
            raise ValueError("give exactly one of source, expression")
        if self.source not in (None, "externalId"):
            scim.attribute(str(self.source))
        return self


class Clause(Model):
    """One condition of a scoping filter (docs/entra.md C8)."""

    attribute: str = Field(description="the attribute that is sent")
    operator: Literal[
        "&", "!&", "ENDS_WITH", "EQUALS", "Greater_Than", "Greater_Than_OR_EQUALS", "Includes", "IS FALSE",
        "IS NOT NULL", "IS NULL", "IS TRUE", "NOT EQUALS", "NOT REGEX MATCH", "REGEX MATCH",
    ] = Field("EQUALS", description="how Entra compares")  # fmt: skip
    value: str = Field("", description="with what")

    @field_validator("attribute")
    @classmethod
    def _attribute_is_known(cls, name: str) -> str:
        return name if name == "externalId" else scim.attribute(name).name


class App(Model):
    """The provisioning app in Entra that this feed owns."""

    display_name: str = Field(description="its name in Entra")
    target: Literal["entra", "active-directory"] = Field("entra", description="where the accounts are")
    domain: str = Field("", description="active-directory: the domain the accounts are made in")
    default_ou: str = Field("", description="active-directory: the organizational unit of new accounts")
    notification_email: str = Field(
        "", description="who hears of a quarantine; without it the job itself goes into quarantine"
    )
    accidental_deletion_threshold: int | None = Field(
        None, ge=1, description="Entra's own brake: with more deletions than this in a cycle, the job waits"
    )
    mappings: dict[str, AppMapping] = Field(
        {}, description="attributes of the account beyond Entra's defaults, or instead of them: what each one gets"
    )
    scope: dict[str, tuple[Clause, ...]] = Field(
        {}, description="scoping filters by name: a person is in scope where every clause of one of them holds"
    )


class Csv(Model):
    """How the file reads, and whether everybody is in it."""

    delimiter: Literal["auto", ",", ";", "\t", "|"] = Field("auto", description="what stands between two cells")
    encoding: str = Field("auto", description="utf-8, utf-16, cp1252 ...; a byte order mark in the file goes first")
    mode: Literal["full", "partial"] = Field(
        "full", description="full: everybody is in the file; partial: only changes"
    )
    skip_lines: int = Field(0, ge=0, le=1000, description="lines above the header that are no records: titles, dates")
    header: tuple[Text, ...] | None = Field(
        None, min_length=1, max_length=2000, description="the names of the columns, for a file without a header line"
    )
    null_values: tuple[Text, ...] = Field((), description="words that stand for an empty cell: NULL, n/a")
    sheet: str = Field("", max_length=31, description="of a workbook: which sheet; the first one where none is named")

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, name: str) -> str:
        try:
            known = name == "auto" or ("a".encode(name) and _codec(name) not in NO_FILE_ENCODINGS)
        except (LookupError, ValueError):
            known = False
        if not known:
            raise ValueError(f"{name!r} is no encoding of files; write auto, utf-8, utf-16, cp1252 ...")
        return name


class Gates(Model):
    """What a plan may do without a person's approval; a percentage of the people known counts above `floor` people."""

    disables: Limit = Field("5%", description="people who would be disabled")
    enables: Limit = Field("5%", description="people who would be enabled again")
    creates: Limit = Field("20%", description="people who would be new")
    changes: Limit = Field("30%", description="people of whom something would change")
    clears: Limit = Field(10, description="people of whom a value would be cleared")
    rejected: Limit = Field("5%", description="records that cannot be sent; a percentage is of the records")
    shrink: Limit = Field("10%", description="people known who are not in a full drop")
    duplicates: Limit = Field(None, description="lines that repeat a key; a percentage is of the records")
    attribute_changes: Limit = Field("25%", description="people for whom one and the same attribute would change")
    floor: int = Field(5, ge=0, description="up to so many people no percentage trips")


class Alerts(Model):
    """When somebody is told; null for never. A percentage is of the people sent, the records, or the people known."""

    failed: Limit = Field("1%", description="people of a run whom Entra failed")
    rejected: Limit = Field("1%", description="records of a drop that cannot be sent")
    disabled: Limit = Field("5%", description="accounts that a drop disables, approved or not")
    unresolved_managers: int | None = Field(25, ge=0, description="keys named as managers that are nowhere")
    silence_hours: float | None = Field(30, gt=0, description="no drop for so long")
    log_silence_hours: float | None = Field(2, gt=0, description="no log entry for so long after a run was sent")
    checkpoint_minutes: float | None = Field(60, gt=0, description="the provisioning log was not read for so long")
    quota_percent: int = Field(90, ge=1, le=100, description="so much of the tenant's daily calls is used")
    finish_by: str | None = Field(
        None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="the time of day a drop is to be sent by, such as 06:00"
    )
    zone: str = Field("UTC", description="the time zone of finish_by")

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        return existing_zone(name)


class Source(Model):
    """One HR feed."""

    source: str = Field(
        pattern=f"^{SOURCE_NAME.pattern}$", description="its name: the folder in the drops container it drops into"
    )
    app: App | None = Field(None, description="the provisioning app in Entra that this feed owns")
    endpoint: str = Field("", description="the Provisioning API Endpoint of that app; `rollcall setup apply` writes it")
    csv: Csv = Field(Csv(), description="how the file reads, and whether everybody is in it")
    key: Text = Field(description="the column that tells people apart; it becomes externalId")
    duplicates: Literal["last", "reject"] = Field(
        "last", description="a key on several lines: the last one counts, or all are rejected"
    )
    absence: Literal["ignore", "report", "disable"] = Field(
        "report", description="people known who are not in a full drop: nothing, a line in absent.csv, or disabled"
    )
    absence_grace: int = Field(3, ge=1, description="with absence: disable, after so many full drops in a row")
    first_run: Literal["send", "hold"] = Field("send", description="the first drop is sent, or held for approval")
    protected: tuple[Text, ...] = Field((), description="keys that are never disabled")
    gates: Gates = Field(Gates(), description="what a plan may do without a person's approval")
    alerts: Alerts = Field(Alerts(), description="when somebody is told")
    attributes: dict[str, Rule] = Field(description="the names Entra's mapping page shows, each with its rule")

    @property
    def attribute_rules(self) -> dict[str, tuple[scim.Attribute, Rule]]:
        """Each attribute with its place in the user resource and its rule."""
        return {name: (scim.attribute(name), rule) for name, rule in self.attributes.items()}

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Every column the source reads, with what it is read for."""
        wanted: dict[str, tuple[str, ...]] = {self.key: ("key",)}
        for name, rule in self.attributes.items():
            for column in rule.columns:
                wanted[column] = (*wanted.get(column, ()), name)
        return wanted


def read_source(text: str, name: str) -> Source:
    """The source in this text; `name` is the file's name for messages. Raises SourceError with every fault."""
    document = parse(text, name)
    faults = [*document.faults]
    faults += [(document.line(path), sentence) for path, sentence in attribute_faults(document.values)]
    source: Source | None = None
    try:
        source = Source.model_validate(document.values)
    except ValidationError as error:
        faults += [(document.line(fault["loc"]), _sentence(fault)) for fault in error.errors()]
    if faults or source is None:
        raise SourceError(f"{name}:{line}: {_writable(sentence)}" for line, sentence in sorted(set(faults)))
    return source


def read_sources(folder: Path) -> tuple[dict[str, Source], tuple[str, ...]]:
    """Every source file in a folder by source name, and the faults of those that do not read."""
    sources: dict[str, Source] = {}
    faults: list[str] = []
    for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            source = read_source(file.read_text(encoding="utf-8-sig"), file.name)
        except UnicodeDecodeError:
            faults.append(f"{file.name}:1: this file is not UTF-8")
        except OSError as error:
            faults.append(f"{file.name}:1: this file cannot be opened: {error.strerror or type(error).__name__}")
        except SourceError as error:
            faults += error.faults
        else:
            if source.source in sources:
                faults.append(f"{file.name}:1: another file describes the source {source.source!r} already")
            sources.setdefault(source.source, source)
    return sources, tuple(faults)


def no_such_source(name: str, known: Iterable[str], faults: Iterable[str] = ()) -> str:
    """What to say where a source is asked for that there is not: the one that was meant where a name is near, else all
    there are; and the faults of source files that do not read, since it may be one of these.
    """
    names = sorted(known)
    near = near_source(name, names)
    there = f"{near!r} exists" if near else f"known: {', '.join(names) or 'none'}"
    return "; ".join([f"there is no source {name!r}", there, *faults])


def near_source(name: str, known: Iterable[str]) -> str:
    """The source whose name differs in case, blanks, hyphens, an ending or a letter or two; "" where there is none."""
    plain = {_plain(each): each for each in sorted(known)}
    found = get_close_matches(_plain(name), plain, n=1, cutoff=0.8)
    return plain[found[0]] if found else ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold()).removesuffix("s")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a source file, which completes the names of attributes and the keys of rules."""
    schema = Source.model_json_schema(by_alias=True)
    rule = schema["$defs"]["Rule"]
    rule["oneOf"] = [{"required": [origin]} for origin in ("column", "template", "constant")]
    schema["$defs"]["Rule"] = {"anyOf": [{"type": "string", "minLength": 1, "description": "the column"}, rule]}
    mapping = schema["$defs"]["AppMapping"]
    mapping["oneOf"] = [{"required": [origin]} for origin in ("source", "expression")]
    schema["$defs"]["AppMapping"] = {"anyOf": [{"type": "string", "description": "the attribute sent"}, mapping]}
    reference = {"$ref": "#/$defs/Rule"}
    schema["properties"]["attributes"] |= {
        "properties": dict.fromkeys(scim.KNOWN_NAMES, reference),
        "patternProperties": {"^urn:": reference},
        "additionalProperties": False,
        "required": list(REQUIRED_ATTRIBUTES),
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _sentence(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"] if part != "[key]") or "the file"
    if fault["type"] == "missing":
        return f"{place} is missing"
    if fault["type"] == "extra_forbidden":
        return f"{place} is not known here{_near(str(fault['loc'][-1]), fault['loc'])}"
    return f"{place}: {str(fault['msg']).removeprefix('Value error, ')}"


def _near(key: str, place: tuple[Any, ...]) -> str:
    models: dict[str, type[Model]] = {"app": App, "csv": Csv, "attributes": Rule, "gates": Gates, "alerts": Alerts}
    model = models.get(str(place[0]), Source) if len(place) > 1 else Source
    near = get_close_matches(key, model.keys(), n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(model.keys())}"


def _writable(sentence: str) -> str:
    """A sentence may quote what the file says; nothing in it may break a terminal, a page or a log."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in sentence)


_Stamp = tuple[tuple[str, int, int], ...]


class SourceFolder:
    """The source files as they stand now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stamp: _Stamp | None = None
        self._read: tuple[dict[str, Source], tuple[str, ...]] = ({}, ())
        self._lock = threading.Lock()

    def sources(self) -> dict[str, Source]:
        """The sources by name."""
        return self._now()[0]

    def faults(self) -> tuple[str, ...]:
        """What is wrong with files that do not read."""
        if not self.folder.is_dir():
            return (f"there is no folder {self.folder}; set SOURCES_DIR, or put the source files there",)
        return self._now()[1]

    def _now(self) -> tuple[dict[str, Source], tuple[str, ...]]:
        with self._lock:
            stamp = tuple(map(_stamp, sorted(self.folder.glob("*.y*ml"))))
            if stamp != self._stamp:
                self._read, self._stamp = read_sources(self.folder), stamp
            return self._read


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        found = file.stat()
    except OSError:
        return file.name, 0, -1  # it leads nowhere; reading it says so
    return file.name, found.st_mtime_ns, found.st_size
