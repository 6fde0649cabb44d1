"""Taking over a changed file while running (SIGHUP): all of it, or nothing and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from config.load import Loaded, load
from config.mistakes import BadSettings, Mistake
from config.shape import Section

S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Reloaded(Generic[S]):
    """The file is good. Names are those of top-level parts: "devices", "web"."""

    loaded: Loaded[S]
    changed: tuple[str, ...]  # what differs from before, in the order of the model
    needs_restart: tuple[str, ...]  # those of `changed` that a running program cannot take over


@dataclass(frozen=True)
class Kept(Generic[S]):
    """The file is not good: go on with what you have. `str()` of `why` has a line for each mistake."""

    current: Loaded[S]
    why: BadSettings

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """Every mistake in the file."""
        return self.why.mistakes


def reload(
    path: Path,
    model: type[S],
    current: Loaded[S],
    lang: str = "en",
    *,
    environ: Mapping[str, str],
    secrets_path: Path | None = None,
) -> Reloaded[S] | Kept[S]:
    """Read the file again and compare it with what is in use. Never raises for what the file says."""
    try:
        loaded = load(path, model, lang, environ=environ, secrets_path=secrets_path)
    except BadSettings as bad:
        return Kept(current, bad)
    before, after = current.settings, loaded.settings
    changed = tuple(name for name in model.model_fields if getattr(before, name) != getattr(after, name))
    return Reloaded(loaded, changed, tuple(name for name in changed if name not in model.LIVE))
