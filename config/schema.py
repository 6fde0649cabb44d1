"""JSON schemas of the settings, for editors: completion and checking while one types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from config.text import catalogue

# https://json-schema.org/draft/2020-12; pydantic's own dialect.
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(model: type[BaseModel], lang: str = "en") -> dict[str, Any]:
    """The schema of a settings model, its descriptions in `lang`."""
    drawn = model.model_json_schema(mode="validation")
    words = catalogue(Path(__file__).parent, lang)
    return {"$schema": DIALECT, **_translated(drawn, words.gettext)}


def schema_text(model: type[BaseModel], lang: str = "en") -> str:
    """The schema as it stands in config/schema/."""
    return json.dumps(schema(model, lang), ensure_ascii=False, indent=2) + "\n"


def _translated(part: Any, gettext: Any) -> Any:
    if isinstance(part, dict):
        return {
            name: gettext(value)
            if name == "description" and isinstance(value, str) and value
            else _translated(value, gettext)
            for name, value in part.items()
        }
    if isinstance(part, list):
        return [_translated(item, gettext) for item in part]
    return part
