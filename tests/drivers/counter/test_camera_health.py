"""Pictures of a drawn shop: frozen, dark, covered, pushed; and all that only looks like it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from drivers.counter.camera.health import Health, Trouble
from drivers.counter.camera.shapes import Picture

WIDTH, HEIGHT = 640, 360
RATE = 2.0


def shop(seed: int = 1) -> Picture:
    """Shelves, boxes and a floor, as from the side."""
    chance = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    for _ in range(60):
        x, y = int(chance.integers(0, WIDTH)), int(chance.integers(0, HEIGHT))
        w, h = int(chance.integers(20, 90)), int(chance.integers(15, 60))
        colour = tuple(int(c) for c in chance.integers(30, 230, 3))
        cv2.rectangle(picture, (x, y), (x + w, y + h), colour, -1)
    return picture


SHOP = shop()
GRAINS = [np.random.default_rng(seed).integers(0, 13, SHOP.shape, np.uint8) for seed in range(5)]


class Camera:
    """A camera before a shop, and what is said of its pictures."""

    def __init__(self) -> None:
        self.health, self.t_s = Health(), 0.0
        self.said: list[Trouble | None] = [None]
        self._grains = itertools.cycle(GRAINS)

    def see(
        self, s: float, picture: Callable[[float], Picture], noise: float = 3.0, rate: float = RATE
    ) -> list[str]:
        """So many seconds; the states that were said anew, `clear` for none."""
        before = len(self.said)
        for _ in range(round(s * rate)):
            seen = picture(self.t_s)
            if noise:
                grain = next(self._grains)
                seen = np.asarray(cv2.addWeighted(seen, 1, grain, noise / 3, -noise * 2), np.uint8)
            found = self.health.look(seen, self.t_s)
            if found != self.said[-1]:
                self.said.append(found)
            self.t_s += 1 / rate
        return [found.state if found else "clear" for found in self.said[before:]]


def steady(t_s: float) -> Picture:
    return SHOP


def people(t_s: float) -> Picture:
    """A crowd that walks past and hides a third of it."""
    picture = SHOP.copy()
    for number in range(8):
        x = int((t_s * 70 + number * 97) % (WIDTH + 120)) - 60
        cv2.ellipse(picture, (x, 40 + number * 40), (30, 45), 0, 0, 360, (40 + number * 20, 50, 60), -1)
    return picture


def scaled(share: float, plus: float = 0.0) -> Callable[[float], Picture]:
    return lambda t_s: np.clip(SHOP * share + plus, 0, 255).astype(np.uint8)


def pushed(dx: int, dy: int) -> Callable[[float], Picture]:
    picture = np.roll(SHOP, (dy, dx), (0, 1))
    return lambda t_s: picture


@pytest.fixture
def camera() -> Camera:
    """One that knows its place."""
    camera = Camera()
    assert camera.see(40, steady) == []
    return camera


def test_a_crowd_is_no_trouble(camera: Camera):
    assert camera.see(90, people) == []


def test_the_same_picture_for_half_a_minute_is_frozen_until_another_comes(camera: Camera):
    assert camera.see(28, steady, noise=0) == []
    assert camera.see(6, steady, noise=0) == ["frozen"]
    assert camera.see(10, steady) == ["clear"]


def test_lights_out_are_dark_until_they_are_on_again(camera: Camera):
    assert camera.see(20, scaled(0.06)) == ["dark"]
    assert camera.see(30, steady) == ["clear"]


def test_a_black_night_without_noise_is_dark_and_not_frozen(camera: Camera):
    assert camera.see(90, lambda t_s: np.zeros_like(SHOP), noise=0) == ["dark"]
    assert camera.see(30, steady) == ["clear"]


def test_a_dim_evening_is_not_dark(camera: Camera):
    assert camera.see(60, scaled(0.3), noise=2) == []


@pytest.mark.parametrize("light", [scaled(0.6), scaled(1.0, 60), scaled(1.6)])
def test_other_light_is_no_other_place(camera: Camera, light: Callable[[float], Picture]):
    assert camera.see(90, light) == []


def test_a_hand_before_it_is_covered(camera: Camera):
    grey = np.full_like(SHOP, 90)
    grey[:, :, 0] = np.linspace(60, 120, WIDTH, dtype=np.uint8)
    assert camera.see(25, lambda t_s: grey) == ["covered"]
    assert camera.see(40, steady) == ["clear"]


@pytest.mark.parametrize(("dx", "dy"), [(40, 0), (0, -60), (-90, 30)])
def test_a_camera_that_was_pushed_is_moved_until_it_is_pushed_back(camera: Camera, dx: int, dy: int):
    assert camera.see(55, pushed(dx, dy)) == ["moved"]
    assert camera.see(30, steady) == ["clear"]


def test_how_far_it_was_pushed_is_said(camera: Camera):
    camera.see(55, pushed(64, 0))
    assert camera.said[-1] == Trouble("moved", "10 % of the picture's width")


def test_another_place_altogether_is_moved(camera: Camera):
    elsewhere = shop(99)
    assert camera.see(55, lambda t_s: elsewhere) == ["moved"]


def test_a_camera_that_shakes_is_not_moved(camera: Camera):
    assert camera.see(60, lambda t_s: np.roll(SHOP, (round(t_s * 7) % 3, round(t_s * 5) % 3), (0, 1))) == []


def test_a_floor_without_an_edge_says_nothing_of_where_it_is():
    camera = Camera()
    floor = np.full_like(SHOP, 140)
    assert camera.see(60, lambda t_s: floor) == []
    assert camera.see(60, lambda t_s: floor - 30) == []


def test_shelves_that_are_moved_bit_by_bit_become_its_place(camera: Camera):
    rooms = [SHOP.copy()]
    for x in range(0, WIDTH, 80):
        rooms.append(rooms[-1].copy())
        rooms[-1][:, x : x + 80] = shop(50)[:, x : x + 80]
    for room in rooms:
        assert camera.see(240, lambda t_s, room=room: room, rate=0.5) == []  # type: ignore[misc]


def test_what_is_dark_from_the_beginning_is_said_too():
    camera = Camera()
    assert camera.see(20, scaled(0.05)) == ["dark"]


def away(camera: Camera) -> Trouble | None:
    """No picture comes for an hour; what is still believed then."""
    camera.t_s += 3600
    return camera.health.away()


@pytest.mark.parametrize(
    ("seen", "noise", "s"), [(scaled(0.06), 3.0, 9.0), (steady, 0.0, 28.0), (pushed(40, 0), 3.0, 28.0)]
)
def test_what_began_before_it_was_away_begins_anew(
    camera: Camera, seen: Callable[[float], Picture], noise: float, s: float
):
    assert camera.see(s, seen, noise=noise) == []
    assert away(camera) is None
    assert camera.see(s, seen, noise=noise) == []
    assert len(camera.see(30, seen, noise=noise)) == 1


@pytest.mark.parametrize(("seen", "noise"), [(scaled(0.06), 3.0), (steady, 0.0)])
def test_that_it_was_dark_or_frozen_is_not_believed_after_it_was_away(
    camera: Camera, seen: Callable[[float], Picture], noise: float
):
    assert len(camera.see(40, seen, noise=noise)) == 1
    assert away(camera) is None
    camera.said.append(None)
    assert camera.see(60, steady) == []


def test_who_was_dark_before_it_was_away_is_frozen_as_soon_as_any_other_after_it(camera: Camera):
    camera.see(20, scaled(0.06))
    away(camera)
    assert camera.see(32, steady, noise=0) == ["clear", "frozen"]


def test_that_it_was_moved_is_still_believed_after_it_was_away_and_so_is_its_place(camera: Camera):
    camera.see(55, pushed(64, 0))
    assert away(camera) == camera.said[-1] == Trouble("moved", "10 % of the picture's width")
    assert camera.see(30, pushed(64, 0)) == []
    assert camera.see(30, steady) == ["clear"]
