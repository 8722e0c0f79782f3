"""A source: one HR feed, as its YAML file describes it. Where it drops, how it reads, how it maps, what its gates are.

Enters: the text of a source file. Leaves: a `Source`, or a SourceError that names every fault at once with its line.
`json_schema()` is what editors complete and check these files with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from shared import scim
from shared.errors import SourceError
from shared.runs import SOURCE_NAME
from shared.source_yaml import parse

REQUIRED_ATTRIBUTES = ("userName", "active")
PERCENT = r"^\d{1,3}(\.\d+)?%$"


def _as_text(value: Any) -> Any:
    """YAML reads 5 as a number; a cell is text. It reads yes and no as booleans, which is too clever for a cell."""
    if isinstance(value, bool):
        raise ValueError(f"YAML reads this as {str(value).lower()}; put the word in quotes")
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(lambda value: value if isinstance(value, list) else [value])]
Value = Annotated[bool | str, BeforeValidator(lambda value: value if isinstance(value, bool) else _as_text(value))]
Limit = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=PERCENT)] | None
"""A gate's limit: a count, a percentage such as `5%`, or null for no limit."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @classmethod
    def keys(cls) -> list[str]:
        """The keys as they are written in the file."""
        return [item.alias or name for name, item in cls.model_fields.items()]


class App(_Model):
    """The provisioning app in Entra that this feed owns."""

    display_name: str
    target: Literal["entra", "active-directory"] = "entra"
    domain: str = ""
    default_ou: str = ""
    notification_email: str = ""
    accidental_deletion_threshold: int | None = Field(None, ge=1)


class Csv(_Model):
    """How the file reads, and whether everybody is in it."""

    delimiter: Literal["auto", ",", ";", "\t", "|"] = "auto"
    encoding: str = "auto"
    mode: Literal["full", "partial"] = "full"

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, name: str) -> str:
        try:
            return name if name == "auto" else "".encode(name).decode() or name
        except (LookupError, UnicodeError):
            raise ValueError(f"{name!r} is no encoding Python knows; write auto, utf-8, utf-16, cp1252 ...") from None


class Rule(_Model):
    """How one attribute gets its value: from a column, a template or a constant, then through the steps below."""

    column: str | None = None
    template: str | None = None
    constant: Value | None = None
    is_: Texts | None = Field(None, alias="is")
    is_not: Texts | None = None
    in_: Texts | None = Field(None, alias="in")
    split: str | None = None
    part: int = Field(1, ge=-20, le=20)
    strip: str | bool = True
    lower: bool = False
    upper: bool = False
    map: dict[Text, Value] | None = None
    otherwise: Value | None = None
    date: str | None = None
    zone: str = "UTC"
    integer: bool = False
    boolean: bool = False
    default: Value | None = None
    clear: bool = False
    required: bool = False
    max_length: int | None = Field(None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _a_bare_name_is_a_column(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from None
        return name

    @field_validator("template")
    @classmethod
    def _template_reads(cls, text: str | None) -> str | None:
        if text is not None:
            template_columns(text)
        return text

    @model_validator(mode="after")
    def _one_origin_and_one_kind(self) -> Rule:
        origins = [name for name in ("column", "template", "constant") if getattr(self, name) is not None]
        if len(origins) != 1:
            raise ValueError("give exactly one of column, template, constant" + _and_not(origins))
        kinds = [name for name, on in self._kinds() if on]
        if len(kinds) > 1:
            raise ValueError("give at most one of is, is_not, in, map, date, integer, boolean" + _and_not(kinds))
        if self.lower and self.upper:
            raise ValueError("give lower or upper, not both")
        if self.otherwise is not None and self.map is None:
            raise ValueError("otherwise belongs to map: the value for a cell that the map does not name")
        if self.part == 0:
            raise ValueError("part counts from 1, or from -1 at the end")
        return self

    def _kinds(self) -> Iterable[tuple[str, bool]]:
        tests = (
            ("is", self.is_),
            ("is_not", self.is_not),
            ("in", self.in_),
            ("map", self.map),
            ("date", self.date),
        )
        yield from ((name, value is not None) for name, value in tests)
        yield from (("integer", self.integer), ("boolean", self.boolean))

    @property
    def makes_boolean(self) -> bool:
        """Whether its value is true or false, whatever the cell says."""
        return self.boolean or any(test is not None for test in (self.is_, self.is_not, self.in_))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        if self.template is not None:
            return template_columns(self.template)
        return (self.column,) if self.column is not None else ()


class Gates(_Model):
    """What a plan may do without a person's approval; a percentage of the people known counts above `floor` people."""

    disables: Limit = "5%"
    enables: Limit = "5%"
    creates: Limit = "20%"
    changes: Limit = "30%"
    clears: Limit = 10
    rejected: Limit = "5%"
    shrink: Limit = "10%"
    duplicates: Limit = None
    attribute_changes: Limit = "25%"
    floor: int = Field(5, ge=0)


class Source(_Model):
    """One HR feed."""

    source: str = Field(pattern=f"^{SOURCE_NAME.pattern}$")
    app: App | None = None
    endpoint: str = ""
    csv: Csv = Csv()
    key: str
    duplicates: Literal["last", "reject"] = "last"
    absence: Literal["ignore", "report", "disable"] = "report"
    absence_grace: int = Field(3, ge=1)
    first_run: Literal["send", "hold"] = "send"
    protected: Texts = ()
    gates: Gates = Gates()
    attributes: dict[str, Rule]

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


def template_columns(text: str) -> tuple[str, ...]:
    """The columns named in braces in a template; `{{` is a brace. Raises ValueError for anything cleverer."""
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"the template {text!r} does not read: {error}") from None
    for _, column, spec, conversion in pieces:
        if column is not None and (not column.strip() or spec or conversion):
            raise ValueError(f"the template {text!r} may hold plain column names in braces only")
    return tuple(dict.fromkeys(column for _, column, _, _ in pieces if column is not None))


def read_source(text: str, name: str) -> Source:
    """The source in this text; `name` is the file's name for messages. Raises SourceError with every fault."""
    document = parse(text, name)
    faults: list[tuple[tuple[str | int, ...], str]] = list(_attribute_faults(document.values))
    source: Source | None = None
    try:
        source = Source.model_validate(document.values)
    except ValidationError as error:
        faults += [(fault["loc"], _sentence(fault)) for fault in error.errors()]
    if faults or source is None:
        places = sorted({(document.line(path), sentence) for path, sentence in faults})
        raise SourceError(f"{name}:{line}: {sentence}" for line, sentence in places)
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
        except SourceError as error:
            faults += error.faults
        else:
            if source.source in sources:
                faults.append(f"{file.name}:1: another file describes the source {source.source!r} already")
            sources.setdefault(source.source, source)
    return sources, tuple(faults)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a source file."""
    schema = Source.model_json_schema(by_alias=True)
    rule = schema["$defs"].pop("Rule")
    schema["$defs"]["Rule"] = {"anyOf": [{"type": "string", "description": "the column"}, rule]}
    return schema


def _attribute_faults(values: Mapping[str, Any]) -> Iterable[tuple[tuple[str | int, ...], str]]:
    attributes = values.get("attributes")
    if not isinstance(attributes, dict):
        return
    for missing in [name for name in REQUIRED_ATTRIBUTES if name not in attributes]:
        why = " (Entra disables an account when it is absent)" if missing == "active" else ""
        yield ("attributes",), f"attributes: {missing} must be mapped{why}"
    for name, rule in attributes.items():
        place = ("attributes", str(name))
        if name == "externalId":
            yield place, "externalId is made from `key`; take this line out"
            continue
        try:
            found = scim.attribute(str(name))
        except scim.UnknownAttribute as error:
            yield place, str(error)
            continue
        yield from ((place, sentence) for sentence in _rule_faults(found, rule))


def _rule_faults(found: scim.Attribute, value: Any) -> Iterable[str]:
    try:
        rule = Rule.model_validate(value)
    except ValidationError:
        return  # the model names this fault itself
    makes_boolean = rule.makes_boolean or isinstance(rule.constant, bool) or _maps_to_booleans(rule)
    if found.is_boolean and not makes_boolean:
        yield f"{found.name} is true or false: give is, is_not, in, boolean or a map to true and false"
    if found.is_boolean and rule.clear:
        yield f"{found.name} cannot be cleared"
    if found.is_reference and (rule.constant is not None or makes_boolean or rule.date or rule.integer):
        yield "the manager is another person's key: give a column, and strip, split or template where it needs that"


def _maps_to_booleans(rule: Rule) -> bool:
    answers = [*(rule.map or {}).values(), *([rule.otherwise] if rule.otherwise is not None else [])]
    return bool(answers) and all(isinstance(answer, bool) for answer in answers)


def _and_not(names: list[str]) -> str:
    return f" (found {', '.join(names)})" if names else ""


def _sentence(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"]) or "the file"
    if fault["type"] == "missing":
        return f"{place} is missing"
    if fault["type"] == "extra_forbidden":
        return f"{place} is not a key of this file{_near(str(fault['loc'][-1]), fault['loc'])}"
    return f"{place}: {re.sub('^Value error, ', '', fault['msg'])}"


def _near(key: str, place: tuple[Any, ...]) -> str:
    models: dict[str, type[_Model]] = {"app": App, "csv": Csv, "attributes": Rule, "gates": Gates}
    model = models.get(str(place[0]), Source) if len(place) > 1 else Source
    known = model.keys()
    near = get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}"
