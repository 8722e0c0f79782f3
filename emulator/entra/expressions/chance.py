"""The language's random values (entra-api.md C5). Enters: lengths and a seeded source of chance. Leaves: texts."""

from __future__ import annotations

import string

from ..errors import ExpressionError
from .values import Context, Value, number, text

_SPECIAL = "!@#$%^&*()_-+={}[]|:;<>,.?/"


def guid(context: Context) -> Value:
    """Guid()."""
    digits = f"{context.rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def random_string(
    context: Context,
    size: Value,
    numbers: Value = None,
    special: Value = None,
    capitals: Value = None,
    lower: Value = None,
    avoid: Value = None,
) -> Value:
    """RandomString(Length, MinimumNumbers, MinimumSpecialCharacters, MinimumCapital, MinimumLowerCase, Avoid)."""
    total, banned = number(size, "RandomString's Length"), set(text(avoid) or "")
    if not 0 < total <= 256:
        raise ExpressionError("RandomString's Length is between 1 and 256.")
    least = [
        (string.digits, numbers), (_SPECIAL, special),
        (string.ascii_uppercase, capitals), (string.ascii_lowercase, lower),
    ]  # fmt: skip
    chosen: list[str] = []
    for alphabet, minimum in least:
        chosen += _draw(context, alphabet, banned, number(minimum or "0", "RandomString's minimum"))
    if len(chosen) > total:
        raise ExpressionError("RandomString's minimums are more than its Length.")
    chosen += _draw(context, string.ascii_letters + string.digits, banned, total - len(chosen))
    context.rng.shuffle(chosen)
    return "".join(chosen)


def _draw(context: Context, alphabet: str, banned: set[str], wanted: int) -> list[str]:
    allowed = [each for each in alphabet if each not in banned]
    if wanted and not allowed:
        raise ExpressionError("RandomString may not use any character.")
    return [context.rng.choice(allowed) for _ in range(wanted)]
