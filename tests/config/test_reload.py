"""Taking over a changed file while running."""

from __future__ import annotations

from config.edge import EdgeSettings
from config.reload import Kept, Reloaded, reload


def test_a_good_file_is_taken_over_and_says_what_changed(write, loaded):
    current = loaded(write("edge.yaml", "web: {port: 8480}\n"), EdgeSettings)
    file = write("edge.yaml", "web: {port: 8481}\nlog: {level: debug}\noutbox: {keep_days: 7}\n")
    after = reload(file, EdgeSettings, current, environ={})
    assert isinstance(after, Reloaded)
    assert after.loaded.settings.web.port == 8481
    assert after.changed == ("web", "log")
    assert after.needs_restart == ("web", "log")


def test_a_bad_file_keeps_what_is_in_use_and_says_why(write, loaded):
    current = loaded(write("edge.yaml", "web: {port: 8480}\n"), EdgeSettings)
    after = reload(
        write("edge.yaml", "web: {port: x}\nsotre: y\n"), EdgeSettings, current, "zh_CN", environ={}
    )
    assert isinstance(after, Kept)
    assert after.current is current
    assert len(after.mistakes) == 2
    assert "此处应为整数" in str(after.why)


def test_a_file_that_has_gone_keeps_what_is_in_use(write, loaded):
    file = write("edge.yaml", "")
    current = loaded(file, EdgeSettings)
    file.unlink()
    assert isinstance(reload(file, EdgeSettings, current, environ={}), Kept)
