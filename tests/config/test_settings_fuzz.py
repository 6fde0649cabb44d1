"""Whatever a settings file holds, it is taken or its mistakes are told; nothing else comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from config.central import CentralSettings
from config.edge import EdgeSettings
from config.load import load
from config.mistakes import BadSettings
from config.shape import Section, every_path

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 100_000),
    st.floats(),
    st.sampled_from(
        ["pos.tap", "counter.gate", "sim:1", "embedded", "external", "zh_CN", "kind", "mqtt://b", "x" * 300]
    ),
    st.text("aé店:/.-{}%", max_size=8),
)
NAMES = st.sampled_from(
    sorted(
        {name for model in (EdgeSettings, CentralSettings) for path in every_path(model) for name in path}
        | {"name", "driver", "port", "options", "profile", "columns", "width_mm", "nonsense", "0"}
    )
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.usefixtures("drivers")
@pytest.mark.parametrize("model", [EdgeSettings, CentralSettings])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(NAMES, TREES, max_size=6))
def test_any_tree_is_taken_or_told(tmp_path: Path, model: type[Section], values: dict[str, object]):
    file = tmp_path / "a.yaml"
    with file.open("w", encoding="utf-8") as opened:
        YAML(typ="safe", pure=True).dump(values, opened)
    try:
        load(file, model, environ={})
    except BadSettings as bad:
        lines = file.read_text("utf-8").count("\n") + 1
        for mistake in bad.mistakes:
            assert 1 <= mistake.place.line <= lines
            assert mistake.text("en")
            assert mistake.text("zh_CN")


@pytest.mark.parametrize("model", [EdgeSettings, CentralSettings])
@given(content=st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_taken_or_told(tmp_path: Path, model: type[Section], content: bytes):
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    try:
        load(file, model, "zh_CN", environ={})
    except BadSettings as bad:
        assert str(bad)  # noqa: PT017  the file may also be right
