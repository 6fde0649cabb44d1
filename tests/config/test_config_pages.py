"""The files that go with the settings: examples, the demo's, and those made from the models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.central import CentralSettings
from config.edge import EdgeSettings
from config.load import load
from config.manual import settings_manual
from config.schema import schema_text
from config.shape import Section, every_path, follow

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("edge.example.yaml", EdgeSettings),
        ("central.example.yaml", CentralSettings),
        ("demo/edge.yaml", EdgeSettings),
        ("demo/central.yaml", CentralSettings),
    ],
)
def test_the_files_we_ship_are_right(name: str, model: type[Section]):
    load(ROOT / "config" / name, model, environ={"TILLBEAM_DEMO": "/tmp/demo"})


def test_the_demo_can_be_moved_to_other_ports():
    environ = {"TILLBEAM_DEMO": "/tmp/demo", "TILLBEAM_DEMO_BROKER_PORT": "2883"}
    broker = load(ROOT / "config/demo/central.yaml", CentralSettings, environ=environ).settings.broker
    assert (broker.port, broker.public_url) == (2883, "mqtt://127.0.0.1:2883")


@pytest.mark.parametrize("name", ["edge", "central"])
def test_the_schema_is_fresh(name: str):
    model = EdgeSettings if name == "edge" else CentralSettings
    text = (ROOT / f"config/schema/{name}.schema.json").read_text("utf-8")
    assert text == schema_text(model), "stale: run tools/manuals.py"
    assert json.loads(text)["$schema"].startswith("https://json-schema.org/")


def test_the_manuals_page_is_fresh():
    assert (ROOT / "docs/settings.md").read_text("utf-8") == settings_manual(), "stale: run tools/manuals.py"


@pytest.mark.parametrize("model", [EdgeSettings, CentralSettings])
def test_every_setting_has_a_description(model: type[Section]):
    for path in every_path(model):
        fields = {
            name: info
            for above in follow(model, path[:-1], {}).models
            for name, info in above.model_fields.items()
        }
        assert not fields or fields[path[-1]].description
