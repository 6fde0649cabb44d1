"""`config check | show | diff | schema`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from config.central import CentralSettings
from config.cli import settings_app
from config.edge import EdgeSettings
from config.shape import Section


def run(model: type[Section], *words: str | Path, environ: dict[str, str] | None = None) -> Result:
    app = settings_app(model, Path("/etc/tillbeam/none.yaml"), environ=environ or {})
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_good_file_is_called_good(write):
    result = run(EdgeSettings, "check", write("edge.yaml", "store: hz-004\n"))
    assert result.exit_code == 0
    assert result.stdout.endswith("edge.yaml: all is right\n")


def test_a_bad_file_has_every_mistake_in_a_line_of_its_own(write):
    result = run(EdgeSettings, "check", write("edge.yaml", "sotre: x\nweb: {port: x}\n"))
    assert result.exit_code == 1
    assert [line.rpartition("edge.yaml:")[2][:4] for line in result.stdout.splitlines()] == ["1:1:", "2:13"]
    assert result.stderr == "mistakes: 2\n"


@pytest.mark.parametrize(
    ("words", "environ"),
    [(["--lang", "zh_CN"], {}), ([], {"LANG": "zh_CN.UTF-8"}), (["--lang", "zh-Hans"], {"LC_ALL": "C"})],
)
def test_mistakes_are_told_in_the_language_asked_for(write, words: list[str], environ: dict[str, str]):
    result = run(EdgeSettings, "check", write("edge.yaml", "sotre: x\n"), *words, environ=environ)
    assert "此处没有配置项 'sotre'; 是否想写 'store'？" in result.stdout


def test_a_file_that_cannot_be_read_is_another_matter(tmp_path: Path):
    assert run(EdgeSettings, "check", tmp_path / "none.yaml").exit_code == 2
    assert run(EdgeSettings, "check").exit_code == 2


def test_help_is_in_the_terminals_language():
    assert "列出文件中的全部错误" in run(EdgeSettings, "--help", environ={"LANG": "zh_CN.UTF-8"}).stdout


def test_what_the_program_goes_by_is_shown_with_its_lines_and_without_secrets(write):
    write("secrets.yaml", "db: hunter2\n", mode=0o600)
    text = "database:\n  url: postgresql://tb@db/tb\n  password: !secret db\ncurrency: !secret db\n"
    result = run(CentralSettings, "show", "--effective", write("central.yaml", text.replace("currency", "#")))
    assert result.exit_code == 0
    assert "hunter2" not in result.stdout
    assert "  password: '********' # central.yaml:3\n" in result.stdout
    assert "timezone: Asia/Shanghai\n" in result.stdout


def test_a_setting_that_came_by_secret_is_masked_whatever_its_type(write):
    write("secrets.yaml", "store: hz-004\n", mode=0o600)
    result = run(EdgeSettings, "show", write("edge.yaml", "store: !secret store\n"))
    assert "hz-004" not in result.stdout


@pytest.mark.usefixtures("drivers")
def test_what_is_shown_can_be_read_again(write):
    text = "devices:\n  - {name: tap, driver: pos.tap, port: sim:1, options: {columns: 48}}\n"
    shown = run(EdgeSettings, "show", write("edge.yaml", text)).stdout
    again = run(EdgeSettings, "show", write("again/edge.yaml", shown)).stdout
    assert [line.partition("#")[0].rstrip() for line in shown.splitlines()] == [
        line.partition("#")[0].rstrip() for line in again.splitlines()
    ]


@pytest.mark.usefixtures("drivers")
def test_a_new_file_is_compared_by_what_comes_out(write):
    write("secrets.yaml", "one: hunter2\ntwo: hunter3\n", mode=0o600)
    device = "devices:\n  - {name: tap, driver: pos.tap, port: sim:1, options: {pin: !secret %s}}\n"
    old = write("old.yaml", "web: {port: 8480}\n" + device % "one")
    new = write("new.yaml", "web: {port: 8481}\nlog: {level: info}\n" + device % "two")
    result = run(EdgeSettings, "diff", old, new)
    assert result.stdout.splitlines() == [
        "~ web.port: 8480 -> 8481",
        "~ devices[0].options.pin: ******** -> ********",
        "needs a restart: web",
    ]


def test_two_files_that_come_to_the_same_differ_in_nothing(write):
    old, new = write("old.yaml", ""), write("new.yaml", "# but words\nlanguage: zh_CN\n")
    assert run(EdgeSettings, "diff", old, new).stdout == "nothing changes\n"


@pytest.mark.usefixtures("drivers")
def test_the_schema_knows_the_options_of_each_driver():
    schema = json.loads(run(EdgeSettings, "schema").stdout)
    choices = {
        choice["properties"]["driver"]["const"]: list(choice["properties"]["options"]["properties"])
        for choice in schema["$defs"]["DeviceSettings"]["oneOf"]
    }
    assert choices == {"pos.tap": ["profile", "columns", "pin"], "counter.gate": ["width_mm"]}


def test_the_schema_speaks_chinese_too():
    assert "总部的网址" in run(EdgeSettings, "schema", "--lang", "zh_CN").stdout
