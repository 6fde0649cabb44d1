"""What the manual shows of a device's settings can be copied as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.edge import EdgeSettings
from config.load import SECRETS_FILE, load
from drivers.manual import own_names, readme_path

_YAML = re.compile(r"^```yaml\n(devices:.*?)^```$", re.MULTILINE | re.DOTALL)
_SECRET = re.compile(r"!secret (\w+)")


@pytest.mark.parametrize("name", own_names())
def test_the_example_in_a_drivers_readme_is_right(tmp_path: Path, name: str) -> None:
    examples = _YAML.findall(readme_path(name).read_text("utf-8"))
    assert any(f"driver: {name}\n" in example for example in examples)
    secrets = tmp_path / SECRETS_FILE
    secrets.touch(0o600)
    path = tmp_path / "edge.yaml"
    for example in examples:
        secrets.write_text("".join(f"{key}: something-long-enough\n" for key in _SECRET.findall(example)))
        path.write_text(example, "utf-8")
        assert load(path, EdgeSettings, "en", environ={}).settings.devices
