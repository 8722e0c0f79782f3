"""Encodings: which one the bytes of a file are written in, and whether that is known or guessed. Pure.

The surest sign goes first: a byte order mark, then what the source file states unless the bytes contradict it, then
what the bytes allow, and only then a guess, by the words that come out. A guess is told as one, with words that show
whether it is right.
"""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNDECODED = re.compile("[\udc80-\udcff]+")
_NOT_ASCII = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]+")
_SEPARATOR = re.compile(r"[\r\n,;\t|]")
_TELLING_BYTES = 64_000
# What HR systems without UTF-8 write, the likeliest first
_GUESSES = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp932", "gb18030", "big5"]
_GUESSES += ["cp949", "cp874"]
# The same for letters with accents, and what Excel calls "CSV (Macintosh)" and "CSV (MS-DOS)"
_ACCENTED = ("cp1252", "cp1250", "mac_roman", "cp850", "cp852", "mac_latin2")
_WESTERN = frozenset("äöüßéèêëàâçñáíóúôîïåøæãõìòùþðýÿœÄÖÜÉÅØÆÁÍÓÚÑÇÈÀÊÎÔÂÃÕÞÝŒ")
_EASTERN = frozenset("ąćęłńóśżźáčďéěíňřšťúůýžäöüßőűâăţşôîĄĆĘŁŃÓŚŻŹÁČĎÉÍŇŘŠŤÚÝŽÄÖÜŐŰÂĂŢŞÎ")
_USUAL = {"cp1250": _EASTERN, "cp852": _EASTERN, "mac_latin2": _EASTERN}
_CAPITALS = "".join(chr(code) for code in range(0xC0, 0x180) if chr(code).isupper())
_LETTER = r"[^\W\d_]"
_ODD = re.compile(
    rf"(?<={_LETTER})[¡-©«-¯±-³µ¶¸¹»-¿×÷ˆ˜˘˙˛˝†‡•‰‹›‚„“”€](?={_LETTER})"  # a sign within a word
    rf"|(?<={_LETTER})[¡¤¦§¬¯¶¸¼½¾¿ˆ‰]"  # or at its end
    rf"|(?<!\w)[¡£¤¥¦¬¯¶¸¹³¼½¾¿ªº]+(?=[a-zß-ÿ])|(?<=[a-z])[ªº](?=[a-z])"  # or before a small letter
    rf"|(?<=[a-z])[{_CAPITALS}]|(?<=[A-Z])[{_CAPITALS}](?=[a-z])"  # a capital where none stands
    r"|[A-Za-z][\u0370-\u04ff\u0590-\u06ff\u3000-\u9fff\uac00-\ud7af\uff61-\uff9f]+(?=[a-z])"  # two scripts
    rf"|[ìòù](?={_LETTER})|(?<=i)æ\b"  # how Czech and Croatian names come out
    r"|[\x80-\x9f\udc80-\udcff\u2500-\u259f]"  # in no word
)
_ODD_COUNTS = 10  # times as much as a letter that is rare
_FOR_EACH_WORD = 1  # so much has another encoding to be better: a few words may be odd as such
_EXAMPLES, _LONGEST_EXAMPLE = 3, 40
_WORD = re.compile(r"[^\W\d_]*[\x80-\U0010ffff][^\W\d_]*")


def encoding_of(sample: bytes, stated: str) -> tuple[str, bool]:
    """The encoding of the file that begins with this sample, and whether it is only a guess."""
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name, False
    if stated != "auto":
        return ("utf-8" if _contradicts(sample, stated) else stated), False
    if name := _wide(sample) or ("utf-8" if _is_utf8(sample) else ""):
        return name, False
    name = _guess(sample)
    return name, name != "utf-8"


def marked_once(sample: bytes) -> bytes:
    """The sample without the second of two byte order marks, as a program writes that keeps the first one as text."""
    for mark, _ in _BOMS:
        while sample.startswith(mark + mark):
            sample = sample[len(mark) :]
    return sample


def is_wide(encoding: str) -> bool:
    """Whether a character of this encoding is two or four bytes."""
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def decoded(sample: bytes, encoding: str, errors: str = "replace") -> str:
    """The text of a sample, which may end in the middle of a character; without marks before it."""
    return codecs.getincrementaldecoder(encoding)(errors).decode(sample).lstrip("\ufeff")


def telling_words(text: str) -> tuple[str, ...]:
    """Words that tell a right encoding from a wrong one, the strangest first."""
    words = dict.fromkeys(word for word in _WORD.findall(text) if word.isprintable() and len(word) <= _LONGEST_EXAMPLE)
    return tuple(sorted(words, key=lambda word: not _ODD.search(word))[:_EXAMPLES])


def _contradicts(sample: bytes, stated: str) -> bool:
    """Whether the bytes are UTF-8 for certain, where another encoding would read wrong letters without any error."""
    if _UNDECODED.search(decoded(sample, "utf-8", "surrogateescape")):
        return False
    if is_wide(stated):
        return not _wide(sample)
    one_byte_each = len(bytes(range(128, 256)).decode(stated, "replace")) == 128
    return one_byte_each and not sample.isascii()


def _is_utf8(sample: bytes) -> bool:
    """Whether more characters than not read as UTF-8: a few broken bytes do not make it another encoding."""
    text = decoded(sample, "utf-8", "surrogateescape")
    broken = sum(map(len, _UNDECODED.findall(text)))
    return broken == 0 or sum(map(len, _NOT_ASCII.findall(text))) > broken


def _is_whole_utf8(line: bytes) -> bool:
    """Whether a line tells nothing of another encoding, even where it stands between lines of one."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _wide(sample: bytes) -> str:
    """UTF-16 and UTF-32 without a mark show as zeros at every other place, or at two or three of four."""
    head = sample[: min(4_000, len(sample) // 4 * 4)]
    zeros = [head[place::4].count(0) for place in range(4)]
    quarter = len(head) // 4
    if quarter and min(zeros[2:]) > 0.9 * quarter > 1.8 * zeros[0]:
        return "utf-32-le"
    if quarter and min(zeros[:2]) > 0.9 * quarter > 1.8 * zeros[3]:
        return "utf-32-be"
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    name = "utf-16-le" if odd > even else "utf-16-be"
    if max(even, odd) > max(5 * min(even, odd), 0.2 * quarter) and _SEPARATOR.search(decoded(head, name)):
        return name
    return ""


def _guess(sample: bytes) -> str:
    """The likeliest encoding; cp1252 where nothing tells it from others, UTF-8 with broken bytes where none fits."""
    telling = b"\n".join(line for line in sample.splitlines() if not _is_whole_utf8(line))[:_TELLING_BYTES]
    found = from_bytes(telling, cp_isolation=_GUESSES)
    best = found.best()
    likeliest = "utf-8" if best is None else best.encoding
    if best is not None:
        equals = [match for match in found if (match.chaos, match.coherence) == (best.chaos, best.coherence)]
        likeliest = "cp1252" if any("cp1252" in match.could_be_from_charset for match in equals) else likeliest
    return _better(telling, likeliest)


def _better(sample: bytes, likeliest: str) -> str:
    """Another encoding, where many words make sense in it that make none in the likeliest one."""
    oddness = {name: _oddness(sample, name) for name in dict.fromkeys((likeliest, *_ACCENTED))}
    best = min(oddness, key=oddness.__getitem__)
    words = len(_NOT_ASCII.findall(decoded(sample, best)))
    is_better = oddness[likeliest] - oddness[best] >= _FOR_EACH_WORD * words
    return best if is_better and oddness[best] <= _FOR_EACH_WORD * words / 2 else likeliest


def _oddness(sample: bytes, encoding: str) -> int:
    """How much of what comes out is no word, or is spelled with letters that are rare where such files come from."""
    text = decoded(sample, encoding, "surrogateescape")
    usual = _USUAL.get(encoding, _WESTERN)
    rare = sum(text.count(sign) for sign in set(text) if "\xc0" <= sign < "\u0180" and sign not in usual)
    return _ODD_COUNTS * sum(1 for _ in _ODD.finditer(text)) + rare
