"""Source files: what reads, and that every fault is told at once, with its line."""

from __future__ import annotations

import json
import time
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.errors import SourceError
from shared.sources.source import Source, json_schema, near_source, no_such_source, read_source, read_sources

MINIMAL = """\
source: staff
key: Id
attributes:
  userName: Login
  active: {column: Status, is: Active}
"""


def faults(text: str) -> list[str]:
    """The faults of a source file, each as `line: sentence`."""
    with pytest.raises(SourceError) as caught:
        read_source(dedent(text), "staff.yaml")
    return [fault.removeprefix("staff.yaml:") for fault in caught.value.faults]


def faults_or_none(text: str) -> tuple[str, ...]:
    """The faults of any text; none where it is a source after all."""
    try:
        read_source(text, "any.yaml")
    except SourceError as error:
        return error.faults
    return ()


def with_rule(rule: str, attribute: str = "title") -> str:
    """A source file whose sixth line is this rule."""
    return f"{MINIMAL}  {attribute}: {rule}\n"


def test_the_shipped_sources_read(root: Path) -> None:
    sources, found = read_sources(root / "sources")
    assert found == ()
    assert set(sources) == {"employees", "contractors"}


def test_a_short_file_takes_the_defaults() -> None:
    source = read_source(MINIMAL, "staff.yaml")
    assert (source.csv.delimiter, source.csv.encoding, source.csv.mode) == ("auto", "auto", "full")
    assert (source.duplicates, source.absence, source.gates.disables) == ("last", "report", "5%")
    assert source.columns == {"Id": ("key",), "Login": ("userName",), "Status": ("active",)}


def test_ten_faults_are_told_at_once_each_with_its_line() -> None:
    found = faults(
        """\
        source: Staff Members
        csv: {delimeter: auto, mode: complete}
        key: Id
        duplicates: first
        gates:
          disables: a few
        attributes:
          userName: Login
          username: Login
          title: {colum: JobTitle}
          name.givenName: {column: First, lower: true, upper: true}
          urn:ietf:params:scim:schemas:extension:csv:1.0:User:HireDate: {column: Hired, date: dd.MM.yyyy}
          urn:ietf:params:scim:schemas:extension:csv:1.0:User:Badge: {column: Badge, is: 007}
        """
    )
    assert [fault.split(":")[0] for fault in found] == ["1", "2", "2", "4", "6", "7", "9", "10", "11", "12", "13"]
    assert "did you mean delimiter?" in "".join(found)
    assert "7: attributes: active must be mapped (Entra disables an account when it is absent)" in found
    assert "did you mean userName?" in found[6]
    assert "did you mean column?" in "".join(found)
    assert "names no year and no day" in found[9]
    assert "13: 007 would not be read as it is written; put it in quotes" in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no is a word to one reader and true or false to the next"),
        ("Yes", "Yes is a word to one reader and true or false to the next"),
        ("on", "on is a word to one reader and true or false to the next"),
        ("007", "007 would not be read as it is written"),
        ("0x1F", "0x1F would not be read as it is written"),
        ("1_000", "1_000 would not be read as it is written"),
        ("12:30", "12:30 would not be read as it is written"),
        ("1.10", "1.1 is a number that loses its spelling here; put it in quotes"),
        ("1.", "1. would not be read as it is written"),
        ("2024-02-30", "2024-02-30 would not be read as it is written"),
        ("9" * 5000, "would not be read as it is written"),
        ("!!binary eA==", "tags and merged keys (! and <<) are not read here"),
        ("true", "this is the value true; a cell is text: put the word in quotes"),
    ],
)
def test_what_yaml_would_read_as_something_else_is_a_fault(text: str, expected: str) -> None:
    (fault, *_) = faults(with_rule(f"{{column: A, is: {text}}}", "urn:x:y"))
    assert fault.startswith("6: ")
    assert expected in fault


@pytest.mark.parametrize("text", ["no", "007", "1.10"])
def test_the_same_in_quotes_is_a_word(text: str) -> None:
    source = read_source(MINIMAL.replace("is: Active", f'is: "{text}"'), "staff.yaml")
    assert source.attributes["active"].is_ == (text,)


def test_a_plain_number_is_a_word_of_a_cell() -> None:
    assert read_source(MINIMAL.replace("is: Active", "is: 5"), "s").attributes["active"].is_ == ("5",)


def test_a_country_code_in_a_map_does_not_become_false() -> None:
    (fault,) = faults(with_rule("{column: A, map: {Norwegen: NO}}", "preferredLanguage"))
    assert fault.startswith("6: NO is a word to one reader")
    (fault,) = faults(with_rule("{column: A, map: {Norwegen: false}}", "preferredLanguage"))
    assert fault == "6: preferredLanguage is a text: map says false; put the word in quotes"


def test_half_a_character_is_a_fault_before_it_breaks_a_request() -> None:
    assert faults(with_rule('{constant: "\\ud800"}')) == [
        "6: half a character (\\ud800 and its kind) can be sent nowhere"
    ]


def test_a_key_given_twice_is_told_with_both_places_known() -> None:
    assert faults(MINIMAL + "  userName: Other\nkey: Other\n") == [
        "6: 'userName' is given twice",
        "7: 'key' is given twice",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: a source file is a mapping"),
        ("- a\n- b\n", "1: a source file is a mapping"),
        ("just a text", "1: a source file is a mapping"),
        ("source: staff\nkey:\n\t- Id\n", "3: this is not YAML: there is a tab"),
        ("source: [staff\nkey: Id\n", "2: this is not YAML"),
        ("source: staff\n---\nsource: other\n", "2: this is not YAML"),
        ("source: staff\nkey: 'Id\n", "this is not YAML"),
        ("source: staff\nkey: \x00Id\n", "2: this is not YAML: it holds a character that cannot be seen"),
        ("a: &a [x]\nb: *a\n", "1: this is not YAML: anchors and aliases"),
        ("a: &a\n  b: *a\n", "1: this is not YAML: anchors and aliases"),
        ("a: b\nc: *d\n", "2: this is not YAML: anchors and aliases"),
        ("? [a, b]\n: c\n", "1: a key is a single word or text"),
        ("a: " + "[" * 5000, "1: this is not YAML: it is nested deeper than 20 levels"),
        ("a: {" * 5000, "1: this is not YAML: it is nested deeper than 20 levels"),
        ("a: '" + "x" * 300_000 + "'", "1: the file has 300,005 characters; at most 200,000 are read"),
        ("<<: {a: b}\n", "1: tags and merged keys"),
    ],
)
def test_what_is_no_source_file_says_so(text: str, expected: str) -> None:
    found = faults(text)
    assert any(expected in fault for fault in found), found


def test_a_billion_laughs_end_at_once() -> None:
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    began = time.perf_counter()
    assert "anchors and aliases" in faults("\n".join(lines))[0]
    assert time.perf_counter() - began < 5


@given(st.text(max_size=200) | st.text(alphabet="{}[]&*:- \n\tab#'\"|>!%@", max_size=80))
def test_any_text_is_a_source_or_a_source_error(text: str) -> None:
    assert all(fault.isprintable() for fault in faults_or_none(text))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.sampled_from(["Id", "%Y", "{A}", "5%", "true", "\ud800", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["column", "is", "map", "date", "x"]), inner)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*Source.model_fields, "x", "5"]), values), values, values)
def test_any_yaml_is_a_source_or_a_source_error(top: dict[str, object], rule: object, other: object) -> None:
    text = json.dumps({**top, "attributes": {"title": rule, "active": other, "userName": "A"}})
    assert all(fault.startswith("any.yaml:1: ") for fault in faults_or_none(text))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("5", "attributes.title: write the name of a column, or keys such as {column: ..., lower: true}"),
        ("", "attributes.title: write the name of a column, or keys such as {column: ..., lower: true}"),
        ("[A, B]", "attributes.title: write the name of a column"),
        ("{lower: true}", "give exactly one of column, template, constant"),
        ("{column: A, constant: b}", "give exactly one of column, template, constant (found column, constant)"),
        ("{constant: b, lower: true}", "a constant stands alone (found lower)"),
        (
            "{column: A, map: {x: y}, date: '%Y-%m-%d'}",
            "give at most one of is, is_not, in, map, date, integer, boolean",
        ),
        ("{column: A, lower: true, upper: true}", "give lower or upper, not both"),
        ("{column: A, otherwise: b}", "otherwise belongs to map"),
        ("{column: A, part: 2}", "part belongs to split"),
        ("{column: A, split: '-', part: 0}", "part belongs to split, and counts from 1, or from -1"),
        ("{column: A, split: ''}", "attributes.title.split: String should have at least 1 character"),
        ("{column: A, zone: Europe/Berlin}", "zone belongs to date"),
        ("{column: A, date: '%Y-%m-%d', zone: Berlin}", "'Berlin' is no time zone; write one like Europe/Berlin"),
        ("{column: A, date: '%Y-%m-%d', zone: '../../etc/passwd'}", "is no time zone"),
        ("{column: A, date: 'dd.MM.yyyy'}", "names no year and no day; write how the cell looks"),
        ("{column: A, date: '%d.%m'}", "names no year and no day"),
        ("{column: A, date: '%Y-%m-%d %Q'}", "does not read as a date"),
        ("{column: A, date: '%Y-%m-%d %Z'}", "write %z for an offset"),
        ("{column: A, date: '%Y-%m-%d', default: '2024-01-01'}", "write a date with time and offset"),
        ("{column: A, default: x, required: true}", "an empty cell has one answer"),
        ("{column: A, clear: true, required: true}", "an empty cell has one answer"),
        ("{column: A, default: ''}", "write a text; an empty cell is answered by default, clear or required"),
        ("{column: A, map: {}}", "attributes.title.map"),
        ("{column: A, map: {Yes: x, YES: y}}", "a word to one reader"),
        ("{column: A, map: {ja: x, JA: y}}", "a cell is named twice; upper and lower case count as the same"),
        ("{template: hello}", "the template names no column in braces"),
        ("{template: '{A'}", "the template '{A' does not read"),
        ("{template: '{A!r}'}", "may hold plain column names in braces only"),
        ("{template: '{A:>9}'}", "may hold plain column names in braces only"),
        ("{template: '{}'}", "may hold plain column names in braces only"),
        ("{column: A, integer: true}", "title is a text, and this rule makes it a number"),
        ("{column: A, is: x}", "title is a text, and this rule makes it true or false"),
        ("{column: A, max_length: 0}", "attributes.title.max_length"),
        ("{column: A, max_length: 3, default: long}", "title: default is 4 characters long, at most 3 fit"),
        ("{column: A, loweer: true}", "attributes.title.loweer is not known here; did you mean lower?"),
        ("{column: A, is_: x}", "attributes.title.is_ is not known here; did you mean is"),
    ],
)
def test_a_rule_that_cannot_work_is_a_fault_of_the_file(rule: str, expected: str) -> None:
    found = faults(with_rule(rule))
    assert all(fault.startswith("6: ") for fault in found)
    assert any(expected in fault for fault in found), found


@pytest.mark.parametrize(
    ("attribute", "rule", "expected"),
    [
        ("externalId", "Id", "externalId is made from `key`; take this line out"),
        ("active", "Status", "active is true or false: give is, is_not, in, boolean or a map"),
        ("active", "{column: S, is: []}", "attributes.active.is: the list is empty"),
        ("active", "{column: S, is: Active, clear: true}", "active cannot be cleared"),
        (
            "active",
            "{column: S, is: Active, default: 'false'}",
            "default says 'false'; write true or false without quotes",
        ),
        ("active", "{column: S, map: {A: 'true'}}", "map says 'true'; write true or false without quotes"),
        ("active", "{column: S, map: {A: true}, otherwise: gone}", "otherwise says 'gone'"),
        ("active", "{constant: 'yes'}", "constant says 'yes'"),
        ("userName", "{constant: bob}", "userName differs from person to person"),
        ("userName", "{column: Login, clear: true}", "userName differs from person to person"),
        ("userName", "{column: Login, default: no user}", "default is not a user name (no blanks, at most one @)"),
        ('emails[type eq "work"].value', "{constant: nobody}", "constant is not an e-mail address"),
        ('emails[type eq "home"].value', "Mail", 'Entra ignores emails of type "home"; it processes type "work"'),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "{constant: x}", "another person's key"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:departement", "D", "did you mean department?"),
        (
            "urn:x:y",
            "{column: A, integer: true, default: many}",
            "default says 'many' where the rule makes a whole number",
        ),
        ("urn:x:y", "{column: A, boolean: true, default: x}", "default says 'x' where the rule makes true or false"),
    ],
)
def test_a_rule_that_does_not_fit_its_attribute_is_a_fault(attribute: str, rule: str, expected: str) -> None:
    lines = [line for line in MINIMAL.splitlines() if not line.startswith(f"  {attribute}:")]
    found = faults("\n".join([*lines, f"  {attribute}: {rule}"]))
    assert any(expected in fault for fault in found), found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("csv: {encoding: klingon}", "'klingon' is no encoding of files"),
        ("csv: {encoding: rot13}", "'rot13' is no encoding of files"),
        ("csv: {encoding: unicode_escape}", "is no encoding of files"),
        ("csv: {delimiter: ':'}", "csv.delimiter: Input should be"),
        ("gates: {disables: 5 percent}", "gates.disables: write a count, a percentage such as 5%, or null"),
        ("gates: {disables: -1}", "gates.disables: write a count, a percentage such as 5%, or null"),
        ("gates: {disable: 5%}", "gates.disable is not known here; did you mean disables?"),
        ("app: {display_nam: X}", "app.display_nam is not known here; did you mean display_name?"),
        ("absense: report", "absense is not known here; did you mean absence?"),
        ("absence_grace: 0", "absence_grace: Input should be greater than or equal to 1"),
    ],
)
def test_a_wrong_key_or_value_is_told_with_what_to_write(line: str, expected: str) -> None:
    found = faults(MINIMAL + line + "\n")
    assert any(fault.startswith("6: ") and expected in fault for fault in found), found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1", "gb18030"])
def test_an_encoding_of_files_may_be_stated(encoding: str) -> None:
    assert read_source(MINIMAL + f"csv: {{encoding: {encoding}}}\n", "s").csv.encoding == encoding


def test_a_folder_tells_the_faults_of_every_file_and_keeps_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(MINIMAL)
    (tmp_path / "again.yml").write_text(MINIMAL)
    (tmp_path / "broken.yaml").write_text("source: [")
    (tmp_path / "latin.yaml").write_bytes("source: Müller".encode("latin-1"))
    sources, found = read_sources(tmp_path)
    assert list(sources) == ["staff"]
    assert [fault.split(":")[0] for fault in found] == ["broken.yaml", "good.yaml", "latin.yaml"]


def test_the_json_schema_knows_short_and_long_rules() -> None:
    schema = json_schema()
    assert schema["properties"]["attributes"]["required"] == ["userName", "active"]
    short, long = schema["$defs"]["Rule"]["anyOf"]
    assert short["type"] == "string"
    assert "is" in long["properties"]
    assert "is_" not in long["properties"]


# A name that is no source's


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("Employees", "employees"),
        (" EMPLOYEES ", "employees"),
        ("employee", "employees"),
        ("emploees", "employees"),
        ("contractors_eu", "contractors-eu"),
        ("Contractors EU", "contractors-eu"),
        ("strangers", ""),
        ("", ""),
        ("---", ""),
    ],
)
def test_a_name_that_is_nearly_a_sources_is_recognised(asked: str, near: str) -> None:
    known = ["contractors-eu", "employees", "interns"]
    assert near_source(asked, known) == near
    told = no_such_source(asked, known, ["broken.yaml:1: key is missing"])
    assert repr(asked) in told
    assert [name for name in known if repr(name) in told] == ([near] if near else [])
    assert all(name in told for name in known) is not bool(near)
    assert "broken.yaml:1" in told


def test_where_there_is_no_source_at_all_that_is_said() -> None:
    assert no_such_source("employees", ()) == "there is no source 'employees'; known: none"
