"""Which language to speak, and the words for it: gettext catalogues for both programs.

Each package with words of its own keeps them in `locale/<language>/LC_MESSAGES/messages.mo`; they are made
by `tools/catalogues.py`. English stands in the code, so a missing catalogue speaks English.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

LANGUAGES: Final = ("zh_CN", "en")
DOMAIN: Final = "messages"

# In the order POSIX gives them: the first that is set and not empty decides.
_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


def language_of(environ: Mapping[str, str]) -> str:
    """The language of a terminal: "zh_CN" for any kind of Chinese, "en" for everything else."""
    for name in _VARIABLES:
        if value := environ.get(name, ""):
            return nearest_language(value)
    return "en"


def nearest_language(wish: str) -> str:
    """The one of LANGUAGES nearest to a locale or language tag: "zh-Hant-HK", "zh_CN.UTF-8", "en_GB", "C"."""
    return "zh_CN" if wish.strip().lower().startswith("zh") else "en"


@lru_cache(maxsize=32)  # packages times languages: a handful
def catalogue(folder: Path, lang: str) -> gettext.NullTranslations:
    """The translations of the package in `folder`; where there are none, every text stays as it is.

    A language not in LANGUAGES is served by the nearest one.
    """
    language = lang if lang in LANGUAGES else nearest_language(lang)
    return gettext.translation(DOMAIN, folder / "locale", languages=[language], fallback=True)
