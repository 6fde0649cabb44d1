"""Which language a request is answered in, and the centre's words in it."""

from __future__ import annotations

import gettext
from pathlib import Path
from typing import Final

from starlette.requests import Request

from config.text import LANGUAGES, catalogue, nearest_language

LANGUAGE_COOKIE: Final = "tb_lang"
# Set beside it by a choice made before signing in: whoever signs in next made it, and their account keeps it.
# A choice of long ago, perhaps a colleague's at the same machine, is no such wish.
WISH_COOKIE: Final = "tb_lang_wish"
LANGUAGE_NAMES: Final = {"zh_CN": "中文", "en": "English"}  # each in its own tongue
_PACKAGE: Final = Path(__file__).parent.parent


def N_(message: str) -> str:  # noqa: N802, RUF100  # gettext's own name for "translate later"
    """Marks a text for the catalogue where it stands as data; it is translated where it is shown."""
    return message


def words(lang: str) -> gettext.NullTranslations:
    """The centre's catalogue: ``words(viewer.lang).gettext("Members")``."""
    return catalogue(_PACKAGE, lang)


def language_of(request: Request) -> str:
    """The language for somebody not signed in: their choice in a cookie, else what the browser asks for."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return _wished(request.headers.get("accept-language", ""))


def _wished(header: str) -> str:
    """The language a browser likes best: ``_wished("fr;q=0.3, zh-CN") == "zh_CN"``."""
    best, best_quality = "", 0.0
    for part in header[:400].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        if quality > best_quality:
            best, best_quality = tag, quality
    return nearest_language(best)
