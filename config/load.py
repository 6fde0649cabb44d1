"""A settings file, checked as a whole: either every setting is right, or every mistake is told at once.

Checking reads files and touches nothing else: no device, no network, no folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from config.mistakes import BadSettings, Mistake, Place, SettingsUnreadable, Steps, _, nearest, path_text
from config.sentences import sentence
from config.shape import every_path, fields_of, follow, is_secret
from config.sources import Sources, Spot

SECRETS_FILE = "secrets.yaml"

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Loaded(Generic[M]):
    """Settings that are right, and where they come from."""

    settings: M
    files: tuple[Path, ...]  # every file that was read, the settings file first
    tree: Mapping[str, Any]  # the plain values as given; holds secrets in clear, so never print it
    places: Mapping[Steps, Place]  # where each given value stands
    secrets: frozenset[Steps]  # the paths that came by !secret, to be masked wherever they are shown
    contents: Mapping[Path, bytes] = field(
        default_factory=dict, repr=False
    )  # of those files, as they were read


def load(
    path: Path,
    model: type[M],
    lang: str = "en",
    *,
    environ: Mapping[str, str],
    secrets_path: Path | None = None,
    instead: Mapping[Path, bytes] | None = None,
) -> Loaded[M]:
    """The settings in `path`, whose secrets stand in `secrets_path` (default: secrets.yaml beside it).

    `instead`: files, as `Loaded.files` names them, that are taken to say something else than they do.
    Relative paths among the settings mean the folder of the file. Raises BadSettings with every mistake,
    its text in `lang`; SettingsUnreadable when the file itself cannot be opened.
    """
    sources = Sources(path, environ, secrets_path or path.with_name(SECRETS_FILE), instead or {})
    values = sources.read()
    if sources.unreadable:
        raise SettingsUnreadable(sources.mistakes, lang)
    settings: M | None = None
    try:
        settings = model.model_validate(values, context={"folder": path.parent})
    except ValidationError as error:
        if () not in sources.broken_steps:
            sources.mistakes += _Findings(model, values, sources).mistakes(error)
    if settings is None or sources.mistakes:
        raise BadSettings(_in_order(sources.mistakes, sources.files), lang)
    return Loaded(
        settings,
        tuple(sources.files),
        values,
        {steps: spot.value for steps, spot in sources.spots.items()},
        frozenset(sources.secret_steps),
        sources.contents,
    )


@dataclass(frozen=True)
class _Findings:
    """Turns what pydantic found into mistakes at their places."""

    model: type[BaseModel]
    values: dict[str, Any]
    sources: Sources

    def mistakes(self, error: ValidationError) -> list[Mistake]:
        findings = error.errors(include_url=False)
        meant = {
            steps: name
            for finding in findings
            if (steps := self._steps(finding)) and (name := self._meant(finding))
        }
        renamed = {(*steps[:-1], name) for steps, name in meant.items()}
        return [
            self._mistake(finding, steps, meant.get(steps, ""))
            for finding in findings
            if not self._broken(steps := self._steps(finding))
            # 'drvier: x' is one mistake, not an unknown name and a missing one.
            and not (finding["type"] == "missing" and steps in renamed)
        ]

    def _mistake(self, finding: Mapping[str, Any], steps: Steps, meant: str) -> Mistake:
        info = self._fields_beside(finding).get(str(steps[-1])) if steps else None
        says, hint, args = sentence(
            finding,
            description=(info.description or "") if info else "",
            secret=is_secret(info),
            fetched=any(steps[:n] in self.sources.secret_steps for n in range(len(steps) + 1)),
        )
        if finding["type"] == "extra_forbidden":
            hint, more = self._hint_for_unknown(finding, meant)
            args |= more
        of_name = finding["type"] == "extra_forbidden" or finding["loc"][-1:] == ("[key]",)
        return Mistake(self._place(steps, of_name), steps, says, hint, args)

    def _steps(self, finding: Mapping[str, Any]) -> Steps:
        steps = follow(self.model, finding["loc"], self.values).steps
        # Which member of a union is meant is said by its `kind`, and that is where to look.
        return (*steps, "kind") if finding["type"].startswith("union_tag") else steps

    def _fields_beside(self, finding: Mapping[str, Any]) -> dict[str, FieldInfo]:
        return fields_of(follow(self.model, finding["loc"][:-1], self.values).models)

    def _meant(self, finding: Mapping[str, Any]) -> str:
        """The setting that an unknown one was probably meant to be, in the same group."""
        if finding["type"] != "extra_forbidden":
            return ""
        beside = _at(self.values, self._steps(finding)[:-1])
        fields = [name for name in self._fields_beside(finding) if name not in beside]
        return nearest(str(finding["loc"][-1]), fields)

    def _hint_for_unknown(self, finding: Mapping[str, Any], meant: str) -> tuple[str, dict[str, object]]:
        if meant:
            return _("did you mean '{meant}'?"), {"meant": meant}
        steps = self._steps(finding)
        elsewhere = [path for path in every_path(self.model) if path[-1] == steps[-1]]
        if elsewhere and steps not in elsewhere:  # else another kind of broker has it, and this one has not
            return _("it belongs to {place}"), {"place": ", ".join(path_text(path) for path in elsewhere)}
        known = list(self._fields_beside(finding))
        return (_("there are {known}"), {"known": ", ".join(known)}) if known else (_("remove it"), {})

    def _place(self, steps: Steps, of_name: bool) -> Place:
        """Where to look: a wrong name itself; else the value; else the nearest group that is there."""
        spot = self.sources.spots.get(steps)
        if spot:
            return spot.key if of_name and spot.key else spot.value
        above = next(steps[:n] for n in range(len(steps), -1, -1) if steps[:n] in self.sources.spots)
        found: Spot = self.sources.spots[above]
        return found.value

    def _broken(self, steps: Steps) -> bool:
        return any(steps[:n] in self.sources.broken_steps for n in range(len(steps) + 1))


def _at(values: Any, steps: Steps) -> Any:
    for step in steps:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return {}
    return values


def _in_order(mistakes: list[Mistake], files: list[Path]) -> list[Mistake]:
    """By file as they were read, then by line; the same thing said once."""
    rank = {file: index for index, file in enumerate(files)}
    once = {(mistake.place, mistake.steps, mistake.says): mistake for mistake in mistakes}
    return sorted(
        once.values(), key=lambda m: (rank.get(m.place.file, len(rank)), m.place.line, m.place.column)
    )
