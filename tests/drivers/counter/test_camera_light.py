"""Light on the floor is nobody, and a body is somebody: in light, in a shadow, in grey on grey."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivers.counter.camera.blobs import Gain
from drivers.counter.camera.light import Light, Mask
from drivers.counter.camera.shapes import Picture
from drivers.counter.camera.trouble import flicker

BODY_PX = np.pi * 14 * 8
EVERYWHERE: Mask = np.full((90, 160), 255, np.uint8)


def floor(level: float = 120.0) -> Picture:
    """Tiles, with a sensor's noise."""
    chance = np.random.default_rng(3)
    tiles = np.kron(chance.normal(level, 8, (9, 16)), np.ones((10, 10)))
    return noisy(np.dstack([tiles, tiles - 4, tiles + 6]), 5)


def noisy(values: np.ndarray, seed: int) -> Picture:
    off = np.random.default_rng(seed).normal(0, 1.5, values.shape)
    return np.clip(np.rint(values + off), 0, 255).astype(np.uint8)


def lit(shape: str, gain: float) -> Picture:
    """The floor, a part of it under so much more light or less."""
    mask = np.zeros((90, 160), np.float32)
    if shape == "beam":
        cv2.ellipse(mask, (80, 45), (50, 30), 0, 0, 360, 1.0, cv2.FILLED)
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 12), np.float32)
    elif shape == "shadow":
        cv2.ellipse(mask, (80, 45), (30, 12), 30, 0, 360, 1.0, cv2.FILLED)
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.5), np.float32)
    else:
        mask[20:70, 40:120] = 1.0
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.5), np.float32)
    return noisy(floor() * (1 + (gain - 1) * mask[..., None]), 6)


def somebody(on: Picture, jacket: int = 40, hair: int = 15, shoes: int = 200) -> Picture:
    picture = on.copy()
    cv2.ellipse(picture, (80, 40), (4, 3), 0, 0, 360, (shoes, shoes, shoes), cv2.FILLED)
    cv2.ellipse(picture, (80, 45), (14, 8), 0, 0, 360, (jacket, jacket, jacket), cv2.FILLED)
    cv2.circle(picture, (80, 45), 5, (hair, hair, hair), cv2.FILLED)
    return picture


def share(picture: Picture) -> float:
    """Of a body, the largest piece that is taken for one when all of the picture has changed a little."""
    light = Light()
    light.learn(floor())
    changed = EVERYWHERE.copy()
    changed[::3, ::3] = np.where(np.arange(54) % 2, 255, 0)  # the calm part, from which noise is known
    mask = cv2.morphologyEx(light.bodies(picture, changed), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    return max((float(area) for area in stats[1:, cv2.CC_STAT_AREA]), default=0.0) / BODY_PX


@pytest.mark.parametrize("gain", [0.5, 0.7, 1.5, 2.0])
@pytest.mark.parametrize("shape", ["beam", "shadow", "window"])
def test_light_on_the_floor_is_nobody(shape: str, gain: float) -> None:
    assert share(lit(shape, gain)) < 0.3


@pytest.mark.parametrize(("jacket", "hair"), [(40, 15), (230, 20), (150, 60), (100, 140)])
def test_a_body_is_somebody(jacket: int, hair: int) -> None:
    assert share(somebody(floor(), jacket, hair)) > 0.8


@pytest.mark.parametrize("gain", [0.6, 1.8])
def test_a_body_in_a_shadow_or_a_beam_is_somebody_and_the_light_is_not(gain: float) -> None:
    assert 0.8 < share(somebody(lit("beam", gain))) < 3.0


@pytest.mark.parametrize("gain", [1.4, 1.8])
def test_a_body_in_a_patch_of_sun_is_no_wider_than_on_the_floor(gain: float) -> None:
    assert share(somebody(lit("window", gain))) < 1.15 * share(somebody(floor()))


def test_where_the_sun_blinds_the_camera_the_floor_is_nobody() -> None:
    assert share(lit("window", 2.4)) < 0.3


def test_somebody_whose_clothes_are_like_a_shadow_is_somebody_and_a_shadow_is_not() -> None:
    """The model holds nearly all of them for a shadow: only their shoes are none."""
    light = Light()
    light.learn(floor())
    picture = somebody(floor(), jacket=85, hair=35, shoes=15)
    held_for_shadow = np.zeros((90, 160), np.uint8)
    cv2.ellipse(held_for_shadow, (80, 45), (14, 8), 0, 0, 360, 127, cv2.FILLED)
    held_for_shadow[37:39, 78:83] = 255
    assert np.count_nonzero(light.bodies(picture, held_for_shadow)) > 0.25 * BODY_PX
    shadow = np.where(lit("shadow", 0.7).mean(axis=2) < 0.9 * floor().mean(axis=2), 127, 0).astype(np.uint8)
    shadow[44:46, 79:82] = 255
    assert np.count_nonzero(light.bodies(lit("shadow", 0.7), shadow)) < 0.1 * BODY_PX


def test_only_what_changed_is_asked_about() -> None:
    light = Light()
    light.learn(floor())
    nothing = np.zeros((90, 160), np.uint8)
    assert not light.bodies(somebody(floor()), nothing).any()


def test_before_the_background_is_known_everything_that_changed_may_be_somebody() -> None:
    assert np.array_equal(Light().bodies(floor(), EVERYWHERE), EVERYWHERE)


@pytest.mark.parametrize("bands", [False, True])
def test_lamps_that_flicker_leave_the_picture_as_it_was(bands: bool) -> None:
    gain = Gain()
    gain.learn(floor(), np.zeros((90, 160), np.uint8))
    for t_s in (0.1, 0.4, 0.7):
        spoiled = flicker(floor(), t_s, depth=0.08, bands=bands)
        rows = gain.even(spoiled).mean(axis=(1, 2)) / floor().mean(axis=(1, 2))
        assert np.abs(rows - 1).mean() < 0.01


@pytest.mark.parametrize("level", [0, 3])
def test_a_black_picture_stays_as_it_is(level: int) -> None:
    """Films begin so, and a lens may be covered: with no light there is nothing to make even."""
    gain = Gain()
    gain.learn(floor(), np.zeros((90, 160), np.uint8))
    black = np.full((90, 160, 3), level, np.uint8)
    assert np.array_equal(gain.even(black), black)
