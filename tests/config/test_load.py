"""Reading a settings file: what is taken, and how each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from config.load import load
from config.mistakes import BadSettings, SettingsUnreadable
from config.shape import Section
from config.sources import FILE_MAX_BYTES


class Web(Section):
    """A part of the settings below."""

    host: str = Field("localhost", description="Where to listen.")
    port: int = Field(80, ge=1, le=65535, description="TCP port.")


class Settings(Section):
    """Settings for these tests."""

    name: str = Field(description="What it is called.")
    password: SecretStr | None = Field(None, description="A secret.")
    web: Web = Field(Web(), description="The pages.")
    rates: list[int] = Field([], description="Some numbers.")
    share: float = Field(0.5, description="A part of one.")


def test_values_come_out_as_the_model_says(write, loaded):
    file = write("a.yaml", "name: shop\nweb: {port: 0x1F90}\nrates: [1, 2]\nshare: 1e-1\n")
    settings = loaded(file, Settings).settings
    assert settings == Settings(name="shop", web=Web(port=8080), rates=[1, 2], share=0.1)


def test_a_heading_with_nothing_below_is_as_if_it_were_not_there(write, loaded):
    assert loaded(write("a.yaml", "name: shop\nweb:\n  # port: 81\n"), Settings).settings.web == Web()


def test_every_mistake_is_told_at_once_and_in_its_place(write, mistakes):
    file = write("a.yaml", "nmae: shop\nweb:\n  port: 70000\n  hots: x\nrates:\n  - 1\n  - two\nshare: [1]\n")
    assert mistakes(file, Settings) == [
        "a.yaml:1:1: nmae: there is no setting 'nmae' here; did you mean 'name'?",
        "a.yaml:3:9: web.port: this must be 65535 or less",
        "a.yaml:4:3: web.hots: there is no setting 'hots' here; did you mean 'host'?",
        "a.yaml:7:5: rates[1]: a whole number is wanted here",
        "a.yaml:8:8: share: a number is wanted here",
    ]


def test_mistakes_are_told_in_chinese_too(write, mistakes):
    assert mistakes(write("a.yaml", "nmae: shop\n"), Settings, "zh_CN") == [
        "a.yaml:1:1: nmae: 此处没有配置项 'nmae'; 是否想写 'name'？"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "a.yaml:1:1: name: 'name' is missing; add 'name: …' (What it is called.)"),
        ("name: 86\n", 'a.yaml:1:7: name: a text is wanted here; put it in quotes: "…"'),
        ("name: x\nport: 1\n", "a.yaml:2:1: port: there is no setting 'port' here; it belongs to web.port"),
        ("name: x\nname: y\n", "a.yaml:2:1: name: this name stands here twice; it stands first in line 1"),
        ("name: &n x\n", "a.yaml:1:7: name: anchors (&) are not taken here; remove '&n'"),
        ("name: *n\n", "a.yaml:1:7: name: aliases (*) are not taken here; write the value out"),
        ("name: x\n<<: {a: 1}\n", "a.yaml:2:1: merge keys (<<) are not taken here; write the values out"),
        ("name: x\nweb:\n\tport: 1\n", "a.yaml:3:1: a tab at the beginning of the line; indent with spaces"),
        ("name: 'x\n", "a.yaml:1:7: name: a quoted text is not closed; add the closing quote"),
        ("name: x\n---\nname: y\n", "a.yaml:2:1: a second document begins here; remove the line '---'"),
        ("- name\n", "a.yaml:1:1: settings are written as 'name: value'"),
        (
            "name: x\n? [a]\n: b\n",
            "a.yaml:2:3: a name must be a single word; '?' and '[' have a meaning in YAML",
        ),
        ("name: !secrte x\n", "a.yaml:1:7: name: there is no tag !secrte; did you mean '!secret'?"),
        ("name: !env [x]\n", "a.yaml:1:7: name: !env takes a single word, not a list or a group"),
        (
            "name: a\x07b\n",
            "a.yaml:1:8: a control character (U+0007) stands here; remove it; some editors show it",
        ),
        ("name: x\nweb: " + "[" * 40, "a.yaml:2:38: web[0]"),
    ],
)
def test_a_mistake_in_the_writing_is_told_in_words(write, mistakes, text: str, line: str):
    first = mistakes(write("a.yaml", text), Settings)[0]
    assert first.startswith(line)


def test_a_file_in_another_encoding_is_told_where_it_begins_to_be_one(write, mistakes):
    file = write("a.yaml", "name: x # é\nweb: ".encode() + "门店".encode("gbk"))
    assert mistakes(file, Settings) == [
        "a.yaml:2:6: this is not UTF-8; save the file as UTF-8 in your editor"
    ]


def test_a_byte_order_mark_is_no_mistake(write, loaded):
    assert loaded(write("a.yaml", b"\xef\xbb\xbfname: x\r\n"), Settings).settings.name == "x"


def test_a_file_that_is_too_large_is_refused_unread(write, mistakes):
    file = write("a.yaml", "#" * (FILE_MAX_BYTES + 1))
    assert mistakes(file, Settings) == ["a.yaml:1:1: the file is larger than 256 KiB; is it the right file?"]


def test_a_missing_file_is_told_with_its_neighbour(write, tmp_path: Path):
    write("egde.yaml", "name: x")
    with pytest.raises(SettingsUnreadable, match=r"there is no file .*edge.yaml; did you mean 'egde.yaml'"):
        load(tmp_path / "edge.yaml", Settings, environ={})


def test_a_folder_or_pipe_is_no_settings_file(tmp_path: Path):
    with pytest.raises(SettingsUnreadable):
        load(tmp_path, Settings, environ={})


# !secret


def test_a_secret_comes_from_the_file_beside(write, loaded):
    write("secrets.yaml", "gate: hunter2\n", mode=0o600)
    found = loaded(write("a.yaml", "name: x\npassword: !secret gate\n"), Settings)
    assert found.settings.password == SecretStr("hunter2")
    assert found.secrets == {("password",)}


def test_secrets_that_others_may_read_are_a_mistake(write, mistakes):
    write("secrets.yaml", "gate: hunter2\n", mode=0o640)
    file = write("a.yaml", "name: x\npassword: !secret gate\n")
    [line] = mistakes(file, Settings)
    assert line.startswith("secrets.yaml:1:1: others may read this file of secrets (mode 0640); chmod 600 ")


def test_a_missing_secret_is_told_with_its_neighbour(write, mistakes):
    write("secrets.yaml", "gate: hunter2\n", mode=0o600)
    [line] = mistakes(write("a.yaml", "name: x\npassword: !secret gaet\n"), Settings)
    assert line.startswith("a.yaml:2:11: password: there is no secret 'gaet' in ")
    assert line.endswith("did you mean 'gate'?")


def test_secrets_of_a_file_that_is_not_there_are_each_told(write, mistakes):
    lines = mistakes(write("a.yaml", "name: !secret a\npassword: !secret b\n"), Settings)
    assert lines[0].startswith("a.yaml:1:7: name: there is no file ")


def test_no_mistake_shows_a_secret(write, mistakes):
    write("secrets.yaml", "gate: hunter2\n", mode=0o600)
    file = write("a.yaml", "name: x\nrates: [!secret gate]\nshare: !secret gate\nweb: !secret gate\n")
    assert "hunter2" not in "\n".join(mistakes(file, Settings))


# !env


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("!env SHOP", "north"),
        ("!env NOPE south east", "south east"),
        ('!env "shop-${SHOP}-${NOPE:-2}"', "shop-north-2"),
    ],
)
def test_values_come_from_the_environment(write, loaded, text: str, name: str):
    found = loaded(write("a.yaml", f"name: {text}\n"), Settings, {"SHOP": "north"})
    assert found.settings.name == name


def test_a_number_from_the_environment_is_a_number(write, loaded):
    found = loaded(write("a.yaml", "name: x\nweb: {port: !env PORT}\n"), Settings, {"PORT": "81"})
    assert found.settings.web.port == 81


@pytest.mark.parametrize("text", ["!env SHPO", '!env "${SHPO}"'])
def test_a_variable_that_is_not_set_is_told(write, mistakes, text: str):
    assert mistakes(write("a.yaml", f"name: {text}\n"), Settings, environ={"SHOP": "x"}) == [
        "a.yaml:1:7: name: the environment variable 'SHPO' is not set; did you mean 'SHOP'?"
    ]


# !include


def test_a_part_may_stand_in_a_file_of_its_own(write, loaded):
    write("parts/web.yaml", "host: h\nport: !include port.yaml\n")
    write("parts/port.yaml", "8081\n")
    found = loaded(write("a.yaml", "name: x\nweb: !include parts/web.yaml\n"), Settings)
    assert found.settings.web == Web(host="h", port=8081)
    assert [file.name for file in found.files] == ["a.yaml", "web.yaml", "port.yaml"]


def test_a_mistake_in_an_included_file_is_told_there(write, mistakes):
    write("web.yaml", "host: h\n\nprot: 1\nport: x\n")
    assert mistakes(write("a.yaml", "name: x\nweb: !include web.yaml\n"), Settings) == [
        "web.yaml:3:1: web.prot: there is no setting 'prot' here; there are host, port",
        "web.yaml:4:7: web.port: a whole number is wanted here",
    ]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../b.yaml", "does not stand in the settings' folder"),
        ("/etc/passwd", "does not stand in the settings' folder"),
        ("a.yaml", "'a.yaml' includes itself"),
        ("wbe.yaml", "did you mean 'web.yaml'?"),
    ],
)
def test_an_include_that_cannot_be_is_told(write, mistakes, path: str, says: str):
    write("web.yaml", "host: h\n")
    [line] = mistakes(write("a.yaml", f"name: x\nweb: !include {path}\n"), Settings)
    assert line.startswith("a.yaml:2:6: web: ")
    assert says in line


def test_a_link_out_of_the_folder_is_not_followed(write, mistakes, tmp_path: Path):
    outside = write("outside/web.yaml", "host: h\n")
    file = write("inside/a.yaml", "name: x\nweb: !include web.yaml\n")
    (tmp_path / "inside/web.yaml").symlink_to(outside)
    assert "does not stand in the settings' folder" in mistakes(file, Settings)[0]


def test_includes_end_somewhere(write, mistakes):
    for n in range(20):
        write(f"{n}.yaml", f"a: !include {n + 1}.yaml\n")
    assert any(
        "includes are nested deeper than 8" in line
        for line in mistakes(write("a.yaml", "name: x\nweb: !include 0.yaml\n"), Settings)
    )


def test_a_syntax_mistake_in_one_file_hides_nothing_in_another(write, mistakes):
    write("web.yaml", "host: 'h\n")
    lines = mistakes(write("a.yaml", "web: !include web.yaml\nrates: x\n"), Settings)
    assert [line.partition(": ")[0] for line in lines] == ["a.yaml:1:1", "a.yaml:2:8", "web.yaml:1:7"]


def test_the_error_names_every_mistake_for_programs_too(write):
    with pytest.raises(BadSettings) as bad:
        load(write("a.yaml", "rates: x\n"), Settings, environ={})
    assert [(m.steps, m.place.line) for m in bad.value.mistakes] == [(("name",), 1), (("rates",), 1)]
