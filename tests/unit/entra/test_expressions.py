"""The expression language of attribute mappings (docs/entra.md C5)."""

import random
from datetime import UTC, datetime

import pytest

from emulator.entra.expressions import IGNORE, Context, Redacted, compile_text, parse, source_json
from emulator.entra.wire import ExpressionError
from tests.support.expressions import EXAMPLES, Example

PEOPLE = {
    "userName": "bjensen@example.com",
    "displayName": "Bárbara Jensen",
    "active": "True",
    "name.givenName": "Bárbara",
    "name.familyName": "O Jensen",
    'emails[type eq "work"].value': "b@contoso.com",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": "Tour Operations",
    "empty": "",
    "hired": "2021-05-01T00:00:00-05:00",
    "list": "a,b,,c",
    "quoted": 'a "b" c',
}


def evaluate(expression: str, seed: int = 1, taken: frozenset[str] = frozenset(), **more: str | None) -> object:
    context = Context(
        attributes={**PEOPLE, **more},
        rng=random.Random(seed),
        default_domain="contoso.onmicrosoft.com",
        now=datetime(2026, 11, 2, 12, 5, 9, tzinfo=UTC),
        taken=taken.__contains__,
    )
    return compile_text(expression).evaluate(context)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_of_the_reference_gives_its_value(example: Example) -> None:
    context = Context(example.record, random.Random(1), "contoso.onmicrosoft.com", datetime(2026, 11, 2, tzinfo=UTC))
    found = compile_text(example.expression).evaluate(context)
    assert (None if found is IGNORE else found) == example.value


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[userName]", "bjensen@example.com"),
        ("[nobody]", None),
        ('[emails[type eq "work"].value]', "b@contoso.com"),
        ("[urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department]", "Tour Operations"),
        ('"a \\"b\\" \\\\ c"', 'a "b" \\ c'),
        ('Append([userName], ".x")', "bjensen@example.com.x"),
        ("Append([nobody], \"x\")", None),
        ('Switch([active], "False", "True", "yes", "False", "no")', "yes"),
        ('Switch([nobody], "d", "True", "yes")', "d"),
        ('Switch([nobody], "d", "", "was empty")', "was empty"),
        ('Switch([active], "d", "true", "wrong case")', "d"),
        ('IIF([active]="True", "a", "b")', "a"),
        ('IIF([nobody]="", "a", "b")', "b"),
        ('IIF(Len([userName])>10, "long", "short")', "long"),
        ('IIF("9"<"10", "numbers", "texts")', "numbers"),
        ('IIF("b"<>"a", "x", "y")', "x"),
        ("Not([active])", "False"),
        ('Not("False")', "True"),
        ("Not([nobody])", "True"),
        ('Join(" ", [name.givenName], [nobody], [name.familyName])', "Bárbara O Jensen"),
        ('Join("-", Split([list], ","), "z")', "a-b--c-z"),
        ("Mid([userName], 2, 3)", "jen"),
        ("Left([userName], 3)", "bje"),
        ("Right([userName], 3)", "com"),
        ("Len([nobody])", "0"),
        ("ToUpper([userName], )", "BJENSEN@EXAMPLE.COM"),
        ('ToLower("ABC")', "abc"),
        ('StripSpaces("a b c")', "abc"),
        ("NormalizeDiacritics([displayName])", "Barbara Jensen"),
        ('NormalizeDiacritics("Straße Øre Łódź")', "Strasse OEre Lodz"),
        ("Coalesce([nobody], [userName])", "bjensen@example.com"),
        ('Item(Split([userName], "@"), 2)', "example.com"),
        ('Item(Split([userName], "@"), 3)', None),
        ('InStr([userName], "@")', "8"),
        ('InStr([userName], "x", 12)', "0"),
        ('Word("a, b;c", 3, ",; ")', "c"),
        ('PCase("anna-maria o neill")', "Anna-Maria O Neill"),
        ("CBool([active])", "True"),
        ('CBool("0")', "False"),
        ('CStr("5")', "5"),
        ("IsPresent([userName])", "True"),
        ("IsPresent([empty])", "False"),
        ("IsNull([empty])", "False"),
        ("IsNullOrEmpty([empty])", "True"),
        ("IsString([active])", "True"),
        ("Now()", "11/2/2026 12:05:09 PM"),
        ("CDate([hired])", "5/1/2021 5:00:00 AM"),
        ('FormatDateTime([hired], , "yyyy-MM-ddTHH:mm:sszzz", "yyyy-MM-dd")', "2021-05-01"),
        ('FormatDateTime("31.12.2026", , "dd.MM.yyyy", "yyyyMMdd")', "20261231"),
        ('DateAdd("m", 1, "1/31/2026 8:00:00 AM")', "2/28/2026 8:00:00 AM"),
        ('DateDiff("d", "2026-01-01", "2026-01-31")', "30"),
        ('NumFromDate("1601-01-02")', "864000000000"),
        ('DateFromNum("864000000000")', "1/2/1601 12:00:00 AM"),
        ('Count(Split("a,b", ","))', "2"),
        ("Count([userName])", "1"),
        ("Count([nobody])", "0"),
        ('BitAnd("6", "3")', "2"),
        ('ConvertToBase64("A")', "QQA="),
        ("DefaultDomain()", "contoso.onmicrosoft.com"),
        ('RemoveDuplicates(Split("a,b,a", ","))', ["a", "b"]),
    ],
)  # fmt: skip
def test_a_function_gives_what_its_reference_says(expression: str, expected: object) -> None:
    assert evaluate(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('Replace([userName], "@example.com", , , "", , )', "bjensen"),
        ('Replace([userName], , "(?<Suffix>@(.)*)", "Suffix", "", , )', "bjensen"),
        ('Replace([userName], , "[aeiou]", , "_", , )', "bj_ns_n@_x_mpl_.c_m"),
        ('Replace([userName], , "(?<Host>@(.)*)", "Host", , [active], )', "bjensen@example.com"),
        ('Replace([userName], , "(?<Host>@.*)", , "$1 and ${Nobody}", , )', "bjensen$1 and ${Nobody}"),
        ('Replace([userName], "{x}", , , , , "mailto:{x}")', "mailto:bjensen@example.com"),
        ('Replace("aax", , "a", , "b", , )', "bbx"),
        ('Replace([nobody], "a", , , "b", , )', None),
    ],
)
def test_replace_chooses_its_mode_by_the_arguments_given(expression: str, expected: object) -> None:
    assert evaluate(expression) == expected


def test_random_strings_keep_their_minimums_and_come_from_the_seed() -> None:
    expression = 'RandomString(12, 3, 1, 2, 4, "0O")'
    one, same, other = evaluate(expression, 1), evaluate(expression, 1), evaluate(expression, 2)
    assert one == same
    assert one != other
    assert isinstance(one, str)
    assert len(one) == 12
    assert sum(each.isdigit() for each in one) >= 3
    assert sum(each.isupper() for each in one) >= 2
    assert not set(one) & set("0O")


def test_nothing_ignores_the_flow_and_a_value_passes() -> None:
    assert evaluate("IgnoreFlowIfNullOrEmpty([empty])") is IGNORE
    assert evaluate("IgnoreFlowIfNullOrEmpty([userName])") == "bjensen@example.com"


def test_a_redacted_value_flows_but_says_so() -> None:
    assert isinstance(evaluate("Redact([userName])"), Redacted)


def test_select_unique_value_takes_the_first_that_nobody_has() -> None:
    expression = 'SelectUniqueValue("a", Append("a", "1"), "c")'
    assert evaluate(expression) == "a"
    assert evaluate(expression, taken=frozenset({"a"})) == "a1"
    with pytest.raises(ExpressionError, match="already taken"):
        evaluate(expression, taken=frozenset({"a", "a1", "c"}))


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("", "Expected a function"),
        ('"open', 'closing "'),
        ("[open", "closing ]"),
        ("[]", "without a name"),
        ("Join(", "Expected a function"),
        ('Join(" ", [a]) x', "nothing more at position 16"),
        ("join([a], [b])", "'join' is not a function"),
        ("Frobnicate([a])", "'Frobnicate' is not a function"),
        ("Mid([a], 1)", "Mid takes 3"),
        ("Switch([a], [b], [c])", "even number"),
        ('Join("", SelectUniqueValue("a", "b"), "c")', "only for the top"),
        ('SelectUniqueValue("a")', "takes 2"),
        ('Append([a]="b", "c")', "only for the condition of IIF"),
        ('"' + "a" * 10_000 + '"', "10000 are allowed"),
    ],
)
def test_a_wrong_expression_is_refused_before_anybody_is_processed(expression: str, complaint: str) -> None:
    with pytest.raises(ExpressionError) as error:
        compile_text(expression)
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    "expression",
    ['CDate("next week")', 'Mid([userName], 0, 2)', 'Left([userName], "x")', 'RandomString(300)',
     'Append(Split("a,b", ","), "x")', 'Replace([userName], , "(", , "x", , )', 'DateAdd("q7", 1, "2026-01-01")'],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_an_error(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression)


def test_a_compiled_expression_knows_what_it_reads_and_whether_it_moves() -> None:
    compiled = compile_text('Join("", [userName], RandomString(3, 3, 0, 0, 0, ), [title])')
    assert compiled.reads == {"userName", "title"}
    assert compiled.volatile
    assert not compile_text("[userName]").volatile


def test_the_tree_is_shown_as_graph_shows_it() -> None:
    tree = source_json('Join("", [userName], "x")')
    assert tree["type"] == "Function"
    assert tree["name"] == "Join"
    assert [each["key"] for each in tree["parameters"]] == ["separator", "source", "source"]
    assert tree["parameters"][1]["value"] == {
        "expression": "[userName]", "name": "userName", "type": "Attribute", "parameters": [],
    }  # fmt: skip
    assert tree["parameters"][2]["value"]["type"] == "Constant"


def test_gaps_and_bare_numbers_are_arguments() -> None:
    node = parse("RandomString(3, 3, , 0, , )")
    assert node.text == "RandomString(3, 3, , 0, , )"
    assert len(getattr(node, "arguments", ())) == 6
