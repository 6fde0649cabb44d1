"""A recorded stream to what it says: for technicians (`tillbeam-edge decode`) and for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec
from pydantic import ValidationError

from drivers.base import Decoder, Driver, Heard, Note, Options
from drivers.errors import BadOptions

WAKES_MAX = 1000  # at the end of a stream; every decoder is done after a handful


@runtime_checkable
class Summing(Protocol):
    """A decoder that adds up its stream."""

    def summary(self) -> Note:
        """The sums so far, zeros included: a stream in which nobody passed says so."""
        ...


@runtime_checkable
class Asking(Protocol):
    """A decoder that speaks first: it polls its device."""

    def only_listen(self) -> None:
        """There is nobody to ask, as in a recording; both sides may be heard on it."""
        ...


def options_of(driver: Driver, given: Mapping[str, Any]) -> Options:
    """The driver's options from ``{"debounce_ms": "30"}``, as a person types them, or as YAML has them.

    Text for a list is taken apart at commas, or is JSON, as for a mapping. Raises BadOptions with every
    mistake, each starting with its path.
    """
    try:
        return driver.options.model_validate(
            {key: _value(driver, key, value) for key, value in given.items()}
        )
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise BadOptions(driver.name, [_mistake(driver, wrong) for wrong in found], found) from None


def decode_stream(
    driver: Driver, options: Options | Mapping[str, Any], chunks: Iterable[bytes], now_ms: int = 0
) -> Iterator[dict[str, Any]]:
    """``{"at_byte": 12, "type": "frame", …}`` for everything that the stream says, in order.

    Notes have their fields (and `problem`, if any), events and questions are as they travel. Time stands
    still while the stream lasts; then it flows on until the decoder waits for nothing more. The last object
    is the summary of a decoder that has one.
    Raises BadOptions at once; no stream makes it raise.
    """
    checked = options if isinstance(options, Options) else options_of(driver, options)
    return _decoded(driver.decoder(checked), chunks, now_ms)


def _decoded(decoder: Decoder, chunks: Iterable[bytes], now_ms: int) -> Iterator[dict[str, Any]]:
    size_bytes = 0
    if isinstance(decoder, Asking):
        decoder.only_listen()
    for chunk in chunks:
        size_bytes += len(chunk)
        yield from map(flat, decoder.feed(chunk, now_ms))
        decoder.replies()
    for _ in range(WAKES_MAX):
        if decoder.wake_at_ms is None:
            break
        now_ms = max(now_ms + 1, decoder.wake_at_ms)
        yield from map(flat, decoder.wake(now_ms))
        decoder.replies()
    if isinstance(decoder, Summing):
        yield flat(Heard(size_bytes, decoder.summary()))


def flat(heard: Heard) -> dict[str, Any]:
    """One thing heard, as a JSON object."""
    if isinstance(heard.what, Note):
        problem = {"problem": heard.what.problem} if heard.what.problem else {}
        return {"at_byte": heard.at_byte, "type": heard.what.type} | heard.what.fields | problem
    said: dict[str, Any] = msgspec.to_builtins(heard.what)
    return {"at_byte": heard.at_byte, "type": said.pop("type")} | said


def _value(driver: Driver, key: str, value: Any) -> Any:
    field = driver.options.model_fields.get(key)
    if field is None or not isinstance(value, str):
        return value
    shape = str(field.annotation)
    listed = "list[" in shape or "tuple[" in shape
    if "dict[" in shape or (listed and value.lstrip().startswith("[")):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value  # pydantic says it better
    if listed:
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _mistake(driver: Driver, wrong: Any) -> str:
    path = ".".join(str(part) for part in wrong["loc"])
    if wrong["type"] == "extra_forbidden":
        return f"{path}: no such option; there are {', '.join(driver.options.model_fields)}"
    return f"{path}: {wrong['msg'].removeprefix('Value error, ')}"
