"""Compiles a parsed expression into a plain function. Enters: a tree. Leaves: `Compiled`.

Everything that can be wrong without values (an unknown function, a wrong number of arguments, SelectUniqueValue
below the top) is wrong here, once, not for every person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import ExpressionError
from . import chance, dates, lists, texts
from .parser import Attribute, Call, Comparison, Constant, Gap, Node, parse
from .values import Context, Value, boolean, text

Evaluate = Callable[[Context], Value]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language: what runs, and how many arguments it takes."""

    run: Callable[..., Value]
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A ready expression. `reads` are the source attributes it names; `volatile` says that the same record may
    give another value next time; `unique` that it picks a value nobody has yet (SelectUniqueValue)."""

    text: str
    tree: Node
    evaluate: Evaluate
    reads: frozenset[str]
    volatile: bool
    unique: bool


MANY = 64
FUNCTIONS: dict[str, Function] = {
    "Append": Function(texts.append, 2, 2),
    "BitAnd": Function(lists.bit_and, 2, 2),
    "CBool": Function(lists.c_bool, 1, 1),
    "CDate": Function(dates.c_date, 1, 1),
    "Coalesce": Function(lists.coalesce, 1, MANY),
    "ConvertToBase64": Function(texts.convert_to_base64, 1, 1),
    "ConvertToUTF8Hex": Function(texts.convert_to_utf8_hex, 1, 1),
    "Count": Function(lists.count, 1, 1),
    "CStr": Function(lists.c_str, 1, 1),
    "DateAdd": Function(dates.date_add, 3, 3),
    "DateDiff": Function(dates.date_diff, 3, 3),
    "DateFromNum": Function(dates.date_from_num, 1, 1),
    "FormatDateTime": Function(dates.format_date_time, 4, 4),
    "Guid": Function(chance.guid, 0, 0),
    "IgnoreFlowIfNullOrEmpty": Function(lists.ignore_flow_if_null_or_empty, 1, 1),
    "InStr": Function(texts.in_str, 2, 4),
    "IsDate": Function(dates.is_date, 1, 1),
    "IsNull": Function(lists.is_null, 1, 1),
    "IsNullOrEmpty": Function(lists.is_null_or_empty, 1, 1),
    "IsPresent": Function(lists.is_present, 1, 1),
    "IsString": Function(lists.is_string, 1, 1),
    "Item": Function(lists.item, 2, 2),
    "Join": Function(texts.join, 2, MANY),
    "Left": Function(texts.left, 2, 2),
    "Len": Function(texts.length, 1, 1),
    "Mid": Function(texts.mid, 3, 3),
    "NormalizeDiacritics": Function(texts.normalize_diacritics, 1, 1),
    "Now": Function(dates.now, 0, 0),
    "NumFromDate": Function(dates.num_from_date, 1, 1),
    "PCase": Function(texts.p_case, 1, 2),
    "RandomString": Function(chance.random_string, 1, 6),
    "Redact": Function(texts.redact, 1, 1),
    "RemoveDuplicates": Function(lists.remove_duplicates, 1, 1),
    "Replace": Function(texts.replace, 2, 7),
    "Right": Function(texts.right, 2, 2),
    "Split": Function(lists.split, 2, 2),
    "StripSpaces": Function(texts.strip_spaces, 1, 1),
    "ToLower": Function(texts.to_lower, 1, 2),
    "ToUpper": Function(texts.to_upper, 1, 2),
    "Trim": Function(texts.trim, 1, 1),
    "Word": Function(texts.word, 3, 3),
}
SPECIAL = {
    "DefaultDomain": (0, 0),
    "IIF": (3, 3),
    "Not": (1, 1),
    "SelectUniqueValue": (2, MANY),
    "Switch": (2, MANY),
}
VOLATILE = frozenset({"RandomString", "Guid", "Now"})


def compile_text(expression: str) -> Compiled:
    """Parse and compile. Raises ExpressionError."""
    return compile_tree(parse(expression))


def compile_tree(tree: Node) -> Compiled:
    """Compile. Raises ExpressionError."""
    names = {each.name for each in walk(tree) if isinstance(each, Call)}
    reads = frozenset(each.name for each in walk(tree) if isinstance(each, Attribute))
    unique = isinstance(tree, Call) and tree.name == "SelectUniqueValue"
    evaluate = _select_unique_value(tree) if isinstance(tree, Call) and unique else _compiled(tree)
    return Compiled(tree.text, tree, evaluate, reads, bool(names & VOLATILE), unique)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    below: tuple[Node, ...] = ()
    if isinstance(node, Call):
        below = node.arguments
    elif isinstance(node, Comparison):
        below = (node.left, node.right)
    for each in below:
        yield from walk(each)


def _compiled(node: Node) -> Evaluate:
    if isinstance(node, Constant):
        constant = node.value
        return lambda _context: constant
    if isinstance(node, Attribute):
        name = node.name
        return lambda context: context.attributes.get(name)
    if isinstance(node, Gap):
        return lambda _context: None
    if isinstance(node, Comparison):
        raise ExpressionError(f"'{node.text}': a comparison is only for the condition of IIF.")
    if isinstance(node, Call):
        return _compiled_call(node)
    raise ExpressionError(f"'{node.text}' cannot be evaluated.")


def _compiled_call(call: Call) -> Evaluate:
    if call.name == "SelectUniqueValue":
        raise ExpressionError("SelectUniqueValue is only for the top of an expression.")
    if call.name in SPECIAL:
        _count_checked(call, *SPECIAL[call.name])
        return _SPECIAL_COMPILERS[call.name](call)
    function = FUNCTIONS.get(call.name)
    if function is None:
        raise ExpressionError(f"'{call.name}' is not a function of this service; names are case-sensitive.")
    _count_checked(call, function.least, function.most)
    arguments, run = [_compiled(each) for each in call.arguments], function.run
    return lambda context: run(context, *[each(context) for each in arguments])


def _count_checked(call: Call, least: int, most: int) -> None:
    if not least <= len(call.arguments) <= most:
        raise ExpressionError(f"{call.name} takes {least} to {most} arguments, not {len(call.arguments)}.")


def _default_domain(call: Call) -> Evaluate:
    def evaluate(context: Context) -> Value:
        if not context.default_domain:
            raise ExpressionError("DefaultDomain: the tenant has no default verified domain.")
        return context.default_domain

    return evaluate


def _not(call: Call) -> Evaluate:
    inner = _compiled(call.arguments[0])
    return lambda context: boolean(inner(context) != "True")


def _iif(call: Call) -> Evaluate:
    condition, then, otherwise = call.arguments
    if not isinstance(condition, Comparison):
        raise ExpressionError(f"IIF's condition '{condition.text}' is not a comparison.")
    holds, yes, no = _comparison(condition), _compiled(then), _compiled(otherwise)
    return lambda context: yes(context) if holds(context) else no(context)


def _comparison(node: Comparison) -> Callable[[Context], bool]:
    left, right, operator = _compiled(node.left), _compiled(node.right), node.operator

    def holds(context: Context) -> bool:
        one, two = text(left(context)), text(right(context))
        if one is None or two is None:
            return False
        return _compared(one, two, operator)

    return holds


def _compared(one: str, two: str, operator: str) -> bool:
    first: str | float = one
    second: str | float = two
    try:
        first, second = float(one), float(two)
    except ValueError:
        first, second = one, two
    order = (first > second) - (first < second)  # type: ignore[operator]  # both are texts or both are numbers
    results = {
        "=": order == 0,
        "<>": order != 0,
        ">": order > 0,
        ">=": order >= 0,
        "<": order < 0,
        "<=": order <= 0,
    }
    return results[operator]


def _switch(call: Call) -> Evaluate:
    if len(call.arguments) % 2:
        raise ExpressionError("Switch takes an even number of arguments: source, default, then key and value.")
    source, default = _compiled(call.arguments[0]), _compiled(call.arguments[1])
    rest = [_compiled(each) for each in call.arguments[2:]]
    pairs = list(zip(rest[::2], rest[1::2], strict=True))

    def evaluate(context: Context) -> Value:
        given = text(source(context)) or ""
        for key, value in pairs:
            if (text(key(context)) or "") == given:
                return value(context)
        return default(context)

    return evaluate


def _select_unique_value(call: Call) -> Evaluate:
    _count_checked(call, *SPECIAL["SelectUniqueValue"])
    rules = [_compiled(each) for each in call.arguments]

    def evaluate(context: Context) -> Value:
        for rule in rules:
            candidate = text(rule(context))
            if candidate and not context.taken(candidate):
                return candidate
        raise ExpressionError("SelectUniqueValue: every value it may choose is already taken.")

    return evaluate


_SPECIAL_COMPILERS: dict[str, Callable[[Call], Evaluate]] = {
    "DefaultDomain": _default_domain,
    "IIF": _iif,
    "Not": _not,
    "Switch": _switch,
}
