"""`tillbeam-edge config …` and `tillbeam-central config …`: look at settings without touching anything.

Exit status: 0 all is right, 1 there are mistakes (or, for `diff`, still 0 when files differ), 2 the file
cannot be read or the command is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from config.effective import changes, effective_yaml
from config.load import Loaded, load
from config.mistakes import BadSettings, SettingsUnreadable, _, filled, tell
from config.schema import schema_text
from config.shape import Section
from config.text import language_of, nearest_language

EXIT_MISTAKES = 1
EXIT_UNREADABLE = 2


def settings_app(model: type[Section], default_path: Path, *, environ: Mapping[str, str]) -> typer.Typer:
    """The commands for one program's settings, to be mounted under `config`.

    `environ` gives the language (LC_ALL, LANG) and what !env refers to.
    """
    speak = partial(filled, args={}, lang=language_of(environ))
    app = typer.Typer(no_args_is_help=True, help=speak(_("Check and show the settings; touches nothing.")))

    file = typer.Argument(default_path, help=speak(_("The settings file.")))
    language = typer.Option("", "--lang", help=speak(_("zh_CN or en; default: the terminal's.")))
    effectively = typer.Option(True, "--effective", help=speak(_("With all defaults; secrets are masked.")))
    as_is = typer.Argument(help=speak(_("The settings as they are.")))
    as_would_be = typer.Argument(help=speak(_("The settings as they would be.")))

    def read(path: Path, lang: str, out: Console) -> Loaded[Any]:
        try:
            return load(path, model, lang, environ=environ)
        except BadSettings as bad:
            _tell(bad, lang, out)
            raise typer.Exit(
                EXIT_UNREADABLE if isinstance(bad, SettingsUnreadable) else EXIT_MISTAKES
            ) from None

    def chosen(lang: str) -> str:
        return nearest_language(lang) if lang else language_of(environ)

    def check(path: Path = file, lang: str = language) -> None:
        out, lang = _console(), chosen(lang)
        loaded = read(path, lang, out)
        said = filled(_("{file}: all is right"), {"file": path}, lang)
        out.print(Text(said, style="green"), soft_wrap=True)
        for other in loaded.files[1:]:
            out.print(Text(filled(_("also read: {file}"), {"file": other}, lang)), soft_wrap=True)

    def show(path: Path = file, effective: bool = effectively, lang: str = language) -> None:
        out = _console()
        text = effective_yaml(read(path, chosen(lang), out))
        if out.is_terminal:
            out.print(Syntax(text, "yaml", background_color="default", word_wrap=True))
        else:
            typer.echo(text, nl=False)

    def diff(old: Path = as_is, new: Path = as_would_be, lang: str = language) -> None:
        out, lang = _console(), chosen(lang)
        before, after = read(old, lang, out), read(new, lang, out)
        found = changes(before, after)
        for path, one, other in found:
            out.print(_change(path, one, other), soft_wrap=True)
        live = sorted({path.partition(".")[0].partition("[")[0] for path, *_values in found} - model.LIVE)
        if not found:
            out.print(Text(filled(_("nothing changes"), {}, lang)))
        elif live:
            said = filled(_("needs a restart: {parts}"), {"parts": ", ".join(live)}, lang)
            out.print(Text(said, style="yellow"), soft_wrap=True)

    def schema(lang: str = language) -> None:
        typer.echo(schema_text(model, chosen(lang)), nl=False)

    app.command(help=speak(_("Tell every mistake in the file.")))(check)
    app.command(help=speak(_("Show what the program will go by.")))(show)
    app.command(help=speak(_("Show what a new file would change.")))(diff)
    app.command(help=speak(_("Print the JSON schema, for editors.")))(schema)
    return app


def _console() -> Console:
    """Made when a command runs, so that it writes where standard output is then; colours a terminal only."""
    return Console(highlight=False)


def _tell(bad: BadSettings, lang: str, out: Console) -> None:
    for line in tell(bad.mistakes, lang):
        place, colon, rest = line.partition(": ")
        out.print(Text.assemble((place, "bold"), colon, (rest, "red")), soft_wrap=True)
    count = filled(_("mistakes: {count}"), {"count": len(bad.mistakes)}, lang)
    Console(stderr=True, highlight=False).print(Text(count))


def _change(path: str, old: str, new: str) -> Text:
    if not old:
        return Text(f"+ {path}: {new}", style="green")
    if not new:
        return Text(f"- {path}: {old}", style="red")
    return Text.assemble(f"~ {path}: ", (old, "red"), " -> ", (new, "green"))
