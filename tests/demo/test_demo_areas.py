"""The demo's camera: what it says of a day in the past holds together, and it watches the same areas now."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

from config.edge import EdgeSettings
from config.load import load
from demo.areas import AREAS, CAMERA
from demo.history import SHOPS, ZONE, _day
from drivers.counter.camera.options import CameraOptions
from sync.contract.events import Occupancy, Passed, Visited

SETTINGS = Path(__file__).parents[2] / "config" / "demo" / "edge.yaml"


def test_as_many_are_in_an_area_as_visits_of_it_say() -> None:
    morning = datetime(2026, 11, 21, tzinfo=ZONE)
    happened = list(_day(SHOPS[0], morning, random.Random(1), sampled_from=morning))
    visits = [(at_ms, event) for at_ms, event in happened if isinstance(event, Visited)]
    came = sum(event.inward for _, event in happened if isinstance(event, Passed))
    assert came < len(visits) < 2 * came
    assert all(event.dwell_ms > 0 for _, event in visits)
    for area in AREAS:
        mine = [(left - event.dwell_ms, left) for left, event in visits if event.zone == area.name]
        samples = [(at, e.people) for at, e in happened if isinstance(e, Occupancy) and e.zone == area.name]
        assert samples[-1][1] == 0
        for at_ms, people in samples:
            assert people == sum(start <= at_ms < end for start, end in mine)


def test_samples_are_made_of_the_last_days_only() -> None:
    morning = datetime(2026, 11, 21, tzinfo=ZONE)
    tomorrow = morning + timedelta(days=1)
    happened = [event for _, event in _day(SHOPS[0], morning, random.Random(1), sampled_from=tomorrow)]
    assert not any(isinstance(event, Occupancy) for event in happened)


def test_the_camera_of_the_running_demo_watches_the_areas_of_its_past() -> None:
    settings = load(SETTINGS, EdgeSettings, environ={"TILLBEAM_DEMO": "/tmp/demo"}).settings
    [camera] = [device for device in settings.devices if device.name == CAMERA]
    assert isinstance(camera.options, CameraOptions)
    assert list(camera.options.zones) == [area.name for area in AREAS]
    assert not camera.options.lines  # its visitors would be counted beside those of the door
