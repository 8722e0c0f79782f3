"""A rule: how one attribute gets its value, as a source file writes it. Pure.

Enters: what stands behind an attribute's name in YAML. Leaves: a `Rule`. Planning compiles rules to functions; here
they are only data.

Also what is wrong with a rule for its attribute, in sentences with the place in the file each is about.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from string import Formatter
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from shared.model import scim
from shared.model.scim import Attribute

_TEXT_SCHEMA: dict[str, Any] = {"type": ["string", "integer"]}


def _as_text(value: Any) -> str:
    """YAML reads 5 as a number; a cell is text."""
    if isinstance(value, bool):
        raise ValueError(f"this is the value {str(value).lower()}; a cell is text: put the word in quotes")
    if isinstance(value, float):
        raise ValueError(f"{value} is a number that loses its spelling here; put it in quotes")
    if not isinstance(value, int | str):
        raise ValueError("write a text")
    text = str(value).strip()
    if not text:
        raise ValueError("write a text; an empty cell is answered by default, clear or required")
    return text


def _as_texts(value: Any) -> Any:
    found = value if isinstance(value, list | tuple) else [value]
    if not found:
        raise ValueError("the list is empty")
    return found


def _as_value(value: Any) -> bool | str:
    return value if isinstance(value, bool) else _as_text(value)


def _as_strip(value: Any) -> bool | str:
    return value if isinstance(value, bool) or value in ("", " ") else _as_text(value)


Text = Annotated[str, BeforeValidator(_as_text), WithJsonSchema(_TEXT_SCHEMA)]
Texts = Annotated[
    tuple[Text, ...],
    BeforeValidator(_as_texts),
    WithJsonSchema({"anyOf": [_TEXT_SCHEMA, {"type": "array", "items": _TEXT_SCHEMA, "minItems": 1}]}),
]
Value = Annotated[bool | str, BeforeValidator(_as_value), WithJsonSchema({"type": ["string", "integer", "boolean"]})]


class Model(BaseModel):
    """What every part of a source file shares: nothing changes, and a key that is not known is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def keys(cls) -> list[str]:
        """The keys as they are written in the file."""
        return [item.alias or name for name, item in cls.model_fields.items()]


def existing_zone(name: str) -> str:
    """The name of a time zone that exists. Raises ValueError."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from None
    return name


class Rule(Model):
    """How one attribute gets its value: from a column, a template or a constant, then through the steps below."""

    column: Text | None = Field(None, description="the column whose cell is the value")
    template: Text | None = Field(None, description='a text with columns in braces: "{First} {Last}"')
    constant: Value | None = Field(None, description="the same value for everybody")
    strip: Annotated[bool | str, BeforeValidator(_as_strip)] = Field(
        True,
        description="false: keep blanks around the cell; a text: take these signs off too",
    )
    split: str | None = Field(None, min_length=1, description="cut the text at this separator and take `part`")
    part: int = Field(1, ge=-20, le=20, description="which piece: 1 is the first, -1 the last")
    lower: bool = Field(False, description="lower case")
    upper: bool = Field(False, description="upper case")
    is_: Texts | None = Field(None, alias="is", description="true where the cell is this word, else false")
    is_not: Texts | None = Field(None, description="false where the cell is this word, else true")
    in_: Texts | None = Field(None, alias="in", description="true where the cell is one of these words, else false")
    map: dict[Text, Value] | None = Field(None, min_length=1, description="cell: value")
    otherwise: Value | None = Field(None, description="the value for a cell that `map` does not name")
    date: str | None = Field(None, description="how the cell writes the date: %d.%m.%Y")
    zone: str = Field("UTC", description="the time zone of the date: Europe/Berlin")
    integer: bool = Field(False, description="a whole number")
    boolean: bool = Field(False, description="true, yes, y, t, 1 or false, no, n, f, 0")
    default: Value | None = Field(None, description="the value where nothing is left of the cell")
    clear: bool = Field(False, description="an empty cell clears the attribute (null) instead of leaving it alone")
    required: bool = Field(False, description="an empty cell rejects the record")
    max_length: int | None = Field(None, ge=1, description="the most characters, instead of the usual limit")

    @model_validator(mode="before")
    @classmethod
    def _a_bare_name_is_a_column(cls, value: Any) -> Any:
        if isinstance(value, dict | Rule):
            return value
        if isinstance(value, str) and value.strip():
            return {"column": value}
        raise ValueError("write the name of a column, or keys such as {column: ..., lower: true}")

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        return existing_zone(name)

    @field_validator("template")
    @classmethod
    def _template_reads(cls, text: str | None) -> str | None:
        if text is not None and not template_columns(text):
            raise ValueError("the template names no column in braces; for the same value for everybody write constant")
        return text

    @field_validator("date")
    @classmethod
    def _pattern_reads(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            _check_pattern(pattern)
        return pattern

    @field_validator("map")
    @classmethod
    def _cells_are_named_once(cls, named: dict[str, bool | str] | None) -> dict[str, bool | str] | None:
        if named and len({cell.casefold() for cell in named}) < len(named):
            raise ValueError("a cell is named twice; upper and lower case count as the same")
        return named

    @model_validator(mode="after")
    def _one_origin_and_one_kind(self) -> Rule:
        if faults := [*self._origin_faults(), *self._empty_faults()]:
            raise ValueError("; ".join(faults))
        return self

    def _origin_faults(self) -> Iterable[str]:
        origins = [name for name in ("column", "template", "constant") if getattr(self, name) is not None]
        if len(origins) != 1:
            yield "give exactly one of column, template, constant" + _found(origins)
        kinds = [name for name, on in self._kinds() if on]
        if len(kinds) > 1:
            yield "give at most one of is, is_not, in, map, date, integer, boolean" + _found(kinds)
        steps = self.model_fields_set - {"constant"}
        if self.constant is not None and steps:
            yield "a constant stands alone" + _found(sorted(self.model_dump(by_alias=True, include=steps)))
        if self.lower and self.upper:
            yield "give lower or upper, not both"
        if self.otherwise is not None and self.map is None:
            yield "otherwise belongs to map: the value for a cell that the map does not name"
        if "part" in self.model_fields_set and (self.split is None or self.part == 0):
            yield "part belongs to split, and counts from 1, or from -1 at the end"
        if "zone" in self.model_fields_set and self.date is None:
            yield "zone belongs to date"

    def _empty_faults(self) -> Iterable[str]:
        empty = [name for name in ("default", "clear", "required") if getattr(self, name) not in (None, False)]
        if self.default is False:
            empty.insert(0, "default")
        if len(empty) > 1:
            yield "an empty cell has one answer: give one of default, clear, required" + _found(empty)

    def _kinds(self) -> Iterable[tuple[str, bool]]:
        yield "is", self.is_ is not None
        yield "is_not", self.is_not is not None
        yield "in", self.in_ is not None
        yield "map", self.map is not None
        yield "date", self.date is not None
        yield "integer", self.integer
        yield "boolean", self.boolean

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

    @property
    def answers(self) -> tuple[tuple[str, bool | str], ...]:
        """The values that stand in the file itself, each with the key it stands under."""
        named = [("constant", self.constant), ("otherwise", self.otherwise), ("default", self.default)]
        mapped = [("map", answer) for answer in (self.map or {}).values()]
        return tuple((key, value) for key, value in [*mapped, *named] if value is not None)


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


def _check_pattern(pattern: str) -> None:
    """A pattern must name day, month and year, and read what it writes (Python's strftime and strptime)."""
    hint = "write how the cell looks: %Y year, %m month, %d day, as in %d.%m.%Y"
    year = any(sign in pattern for sign in ("%Y", "%y", "%G"))
    day = any(sign in pattern for sign in ("%d", "%j", "%u"))
    if not (year and day):
        raise ValueError(f"{pattern!r} names no year and no day; {hint}")
    if "%Z" in pattern:
        raise ValueError("%Z reads hardly any zone; write %z for an offset such as +0100, or give zone")
    sample = datetime(2033, 11, 27).astimezone(ZoneInfo("UTC"))
    try:
        same = datetime.strptime(sample.strftime(pattern), pattern).date() == sample.date()  # noqa: DTZ007  # only its day
    except ValueError:
        same = False
    if not same:
        raise ValueError(f"{pattern!r} does not read as a date; {hint}")


def _found(names: list[str]) -> str:
    return f" (found {', '.join(names)})" if names else ""


REQUIRED_ATTRIBUTES = ("userName", "active")


def attribute_faults(values: dict[str, Any]) -> Iterable[tuple[tuple[str, ...], str]]:
    """The faults of every attribute of a source file, each with its path of keys."""
    attributes = values.get("attributes")
    if not isinstance(attributes, dict):
        return
    for missing in [name for name in REQUIRED_ATTRIBUTES if name not in attributes]:
        why = " (Entra disables an account when it is absent)" if missing == "active" else ""
        yield ("attributes",), f"attributes: {missing} must be mapped{why}"
    for name, value in attributes.items():
        yield from ((("attributes", name), sentence) for sentence in _faults_of(name, value))


def _faults_of(name: str, value: Any) -> Iterable[str]:
    if name == "externalId":
        yield "externalId is made from `key`; take this line out"
        return
    try:
        yield from rule_faults(scim.attribute(name), Rule.model_validate(value))
    except scim.UnknownAttribute as error:
        yield str(error)
    except ValidationError:
        return  # the model of the whole file names this fault itself


def rule_faults(found: Attribute, rule: Rule) -> Iterable[str]:
    """What is wrong with a rule for this attribute; nothing when it fits."""
    if found.is_boolean:
        yield from _boolean_faults(found, rule)
    if found.is_text:
        yield from _text_faults(found, rule)
    if found.is_reference and (rule.constant is not None or rule.date is not None):
        yield "the manager is another person's key: give a column, and strip, split or template where it needs that"
    if found.name == "userName" and (rule.constant is not None or rule.clear):
        yield "userName differs from person to person and is never empty: it takes neither constant nor clear"
    yield from _answer_faults(found, rule)


def _boolean_faults(found: Attribute, rule: Rule) -> Iterable[str]:
    mapped = rule.map is not None or rule.constant is not None
    if not rule.makes_boolean and not mapped:
        yield f"{found.label} is true or false: give is, is_not, in, boolean or a map to true and false"
    for key, value in rule.answers:
        if not isinstance(value, bool):
            yield f"{found.label} is true or false: {key} says {value!r}; write true or false without quotes"
    if rule.clear:
        yield f"{found.label} cannot be cleared"


def _text_faults(found: Attribute, rule: Rule) -> Iterable[str]:
    if rule.makes_boolean or rule.integer:
        kind = "a number" if rule.integer else "true or false"
        yield f"{found.label} is a text, and this rule makes it {kind}; a map can turn cells into texts"
    for key, value in rule.answers:
        if isinstance(value, bool):
            yield f"{found.label} is a text: {key} says {str(value).lower()}; put the word in quotes"


def _answer_faults(found: Attribute, rule: Rule) -> Iterable[str]:
    """A value that stands in the source file is checked here, once, as a cell's is in every record."""
    longest = rule.max_length or found.length
    for key, value in rule.answers:
        if isinstance(value, bool):
            continue
        if longest is not None and len(value) > longest:
            yield f"{found.label}: {key} is {len(value)} characters long, at most {longest} fit"
        if found.shape and not found.shape[0].fullmatch(value):
            yield f"{found.label}: {key} is not {found.shape[1]}"
    yield from _default_faults(found, rule)


def _default_faults(found: Attribute, rule: Rule) -> Iterable[str]:
    default = rule.default
    if default is None or found.is_boolean:
        return
    if rule.makes_boolean and not isinstance(default, bool):
        yield f"{found.label}: default says {default!r} where the rule makes true or false"
    if rule.integer and not _is_integer(default):
        yield f"{found.label}: default says {default!r} where the rule makes a whole number"
    if rule.date is not None and not _is_moment(default):
        yield f"{found.label}: default says {default!r}; write a date with time and offset, 2030-12-31T00:00:00+01:00"


def _is_integer(value: bool | str) -> bool:
    return isinstance(value, str) and value.lstrip("-").isdecimal() and value.isascii()


def _is_moment(value: bool | str) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
