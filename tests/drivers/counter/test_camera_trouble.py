"""What spoils pictures does so by as much as it says, and the same way each time."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.counter.camera import trouble
from drivers.counter.camera.shapes import Picture


def grey(level: int = 100) -> Picture:
    return np.full((90, 160, 3), level, np.uint8)


def test_a_step_takes_its_part_of_the_light_while_it_lasts() -> None:
    levels = [trouble.light_step(grey(), t_s, at_s=2.0, depth=0.35).mean() for t_s in (1.9, 2.0, 4.9, 5.0)]
    assert levels == [100, 65, 65, 100]


def test_more_light_than_a_camera_can_tell_is_white() -> None:
    assert trouble.light_step(grey(200), 0.0, at_s=0.0, depth=-0.5).min() == 255


def test_a_ramp_falls_and_rises_slowly() -> None:
    levels = [trouble.light_ramp(grey(), t_s, at_s=0.0, over_s=20.0).mean() for t_s in (0, 10, 20, 30, 40)]
    assert levels == pytest.approx([100, 77.5, 55, 77.5, 100], abs=1)


def test_flicker_goes_up_and_down_and_its_bands_run_over_the_picture() -> None:
    whole = [trouble.flicker(grey(), n / 10, depth=0.08, bands=False) for n in range(40)]
    assert max(p.mean() for p in whole) == pytest.approx(108, abs=1)
    assert min(p.mean() for p in whole) == pytest.approx(92, abs=1)
    assert all(p.std() == 0 for p in whole)
    rows = trouble.flicker(grey(), 0.3, depth=0.08).mean(axis=(1, 2))
    assert rows.max() - rows.min() == pytest.approx(16, abs=2)


def test_noise_has_its_deviation_and_is_the_same_at_the_same_time_only() -> None:
    noisy = trouble.noise(grey(), 1.0, sigma=8.0)
    assert noisy.std() == pytest.approx(8.0, rel=0.05)
    assert noisy.mean() == pytest.approx(100, abs=0.5)
    assert np.array_equal(noisy, trouble.noise(grey(), 1.0, sigma=8.0))
    assert not np.array_equal(noisy, trouble.noise(grey(), 1.1, sigma=8.0))
    assert not np.array_equal(noisy, trouble.noise(grey(), 1.0, sigma=8.0, seed=1))


def test_a_shaking_camera_stays_within_its_pixels_and_moves_the_picture_by_them() -> None:
    moves = [trouble.shaken(n / 10, pixels=2.0, seed=4) for n in range(100)]
    assert 1.0 < max(max(abs(right), abs(down)) for right, down in moves) <= 2.0
    dot = grey(0)
    dot[44:47, 79:82] = 240
    right, down = trouble.shaken(0.7, seed=4)
    rows, columns, _ = np.nonzero(trouble.shake(dot, 0.7, seed=4) > 60)
    assert rows.mean() == pytest.approx(45 + down, abs=0.6)
    assert columns.mean() == pytest.approx(80 + right, abs=0.6)


@pytest.mark.parametrize("spoil", [trouble.flicker, trouble.noise, trouble.shake])
def test_the_picture_that_came_is_left_as_it_was(spoil: object) -> None:
    came = grey()
    assert callable(spoil)
    spoil(came, 0.3)
    assert np.array_equal(came, grey())
