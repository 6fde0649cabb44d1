"""A name cut into the pieces by which it is found again, so that the index need not hold the name. Pure.

Latin words give their prefixes from two letters on (``John`` → ``jo joh john``); Chinese, Japanese and
Korean text gives its single characters and its pairs (``王小明`` → ``王 小 明 王小 小明``). A search is cut
the same way, and a member matches when it has every piece asked for. The database keeps only a keyed
digest of each piece, so what a thief of the file can count is how often *some* piece occurs.
"""

from __future__ import annotations

import re
import unicodedata

PREFIX_MIN = 2
PREFIX_MAX = (
    12  # a longer word is indexed and asked for by its first 12 letters; found names are compared whole
)
PIECES_MAX = 64  # of one name; what lies beyond is not found by
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_RUN = re.compile(rf"(?P<cjk>[{_CJK}]+)|[^\W_{_CJK}]+")


def plain(name: str) -> str:
    """`name` as it is compared: width, case, accents and spaces made equal (``Ｊosé  `` → ``jose``)."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    bare = "".join(each for each in decomposed if not unicodedata.combining(each))
    return " ".join(unicodedata.normalize("NFC", bare).split())


def name_pieces(name: str) -> set[str]:
    """Every piece the name can be found by; at most `PIECES_MAX`."""
    found: dict[str, None] = {}
    for run in _RUN.finditer(plain(name)):
        text = run[0]
        if run["cjk"]:
            found.update(dict.fromkeys(text))
            found.update(dict.fromkeys(text[i : i + 2] for i in range(len(text) - 1)))
        else:
            found.update(
                dict.fromkeys(text[:size] for size in range(PREFIX_MIN, min(len(text), PREFIX_MAX) + 1))
            )
    return set(list(found)[:PIECES_MAX])


def asked_pieces(query: str) -> set[str]:
    """The pieces a name must have for `query` to be in it; empty when the query is too short to look for."""
    asked: list[str] = []
    for run in _RUN.finditer(plain(query)):
        text = run[0]
        if not run["cjk"]:
            asked += [text[:PREFIX_MAX]] if len(text) >= PREFIX_MIN else []
        elif len(text) == 1:
            asked.append(text)
        else:
            asked += [text[i : i + 2] for i in range(len(text) - 1)]
    return set(asked[:PIECES_MAX])


def fits(query: str, name: str) -> bool:
    """Whether every word of `query` begins a word of `name`, or, in Chinese, stands in it."""
    words = [run[0] for run in _RUN.finditer(plain(name))]
    return all(
        any(run[0] in word if run["cjk"] else word.startswith(run[0]) for word in words)
        for run in _RUN.finditer(plain(query))
        if run["cjk"] or len(run[0]) >= PREFIX_MIN
    )
