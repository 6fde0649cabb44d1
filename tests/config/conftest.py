"""A folder of settings files, and drivers made up for the occasion."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from config.load import Loaded, load
from config.mistakes import BadSettings
from config.shape import Section
from drivers.base import Driver, Options, QuietDecoder, Scene
from drivers.errors import UnknownDriver

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file into the test's folder: `write("edge.yaml", "store: x", mode=0o600)`."""

    def written(name: str, text: str | bytes, mode: int = 0o644) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(mode)
        return file

    return written


@pytest.fixture
def mistakes() -> Callable[..., list[str]]:
    """The mistakes in a file, each without the folder's name before it."""

    def found(
        file: Path, model: type[Section], lang: str = "en", environ: dict[str, str] | None = None
    ) -> list[str]:
        with pytest.raises(BadSettings) as bad:
            load(file, model, lang, environ=environ or {})
        return [line.removeprefix(f"{file.parent}/") for line in str(bad.value).splitlines()]

    return found


@pytest.fixture
def loaded() -> Callable[..., Loaded[Section]]:
    """A file that is right."""

    def read(file: Path, model: type[Section], environ: dict[str, str] | None = None) -> Loaded[Section]:
        return load(file, model, environ=environ or {})

    return read


class TapOptions(Options):
    """Options of a made-up driver."""

    profile: str = Field("default", description="Grammar of the receipts.")
    columns: int = Field(42, ge=20, le=80, description="Characters in a line.")
    pin: SecretStr | None = Field(None, description="A secret.")


class GateOptions(Options):
    """Options of another, with one that must be given."""

    width_mm: int = Field(ge=1, description="Distance of the beams.")


def _nothing(options: Options, chance: random.Random) -> Iterator[Scene]:
    return iter(())


def _decoder(options: Options) -> QuietDecoder:
    return QuietDecoder()


def _driver(name: str, options: type[Options]) -> Driver:
    return Driver(
        name=name,
        title={"en": name, "zh_CN": name},
        options=options,
        decoder=_decoder,  # type: ignore[arg-type]
        simulate=_nothing,
    )


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two drivers, `pos.tap` and `counter.gate`, instead of ours."""
    known = {"pos.tap": _driver("pos.tap", TapOptions), "counter.gate": _driver("counter.gate", GateOptions)}

    def driver(name: str) -> Driver:
        if name not in known:
            raise UnknownDriver(name, sorted(known))
        return known[name]

    monkeypatch.setattr("config.edge.driver", driver)
    monkeypatch.setattr("config.edge.names", lambda: sorted(known))
