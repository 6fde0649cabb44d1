"""The identity file, and the centre that gives it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge_agent import cli, identity
from edge_agent.errors import BadIdentity, EnrolFailed, NotEnrolled
from edge_agent.identity import Identity, check_writable, enrol, read_identity, write_identity

IDENTITY = Identity(
    store="hz-004",
    mqtt_url="mqtts://broker:8883",
    login="hz-004",
    password="secret-word",
    token_key=b"t" * 32,
    store_key=b"s" * 32,
    centre_public_key=b"c" * 32,
    ca="PEM",
)
ANSWER = {
    "store": "hz-004",
    "mqtt_url": "mqtts://broker:8883",
    "login": "hz-004",
    "password": "secret-word",
    "token_key": "74" * 32,
    "store_key": "73" * 32,
    "centre_public_key": "63" * 32,
    "ca": "PEM",
}


def test_what_was_written_is_read_and_only_its_owner_may(tmp_path: Path) -> None:
    path = tmp_path / "state" / "identity.json"
    write_identity(path, IDENTITY)
    write_identity(path, IDENTITY)  # enrolled again
    assert read_identity(path) == IDENTITY
    assert path.stat().st_mode & 0o777 == 0o600
    assert "secret" not in repr(IDENTITY)


def test_no_file_means_not_enrolled(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolled):
        read_identity(tmp_path / "identity.json")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", json.dumps(ANSWER | {"store": "HZ 4"}), json.dumps(ANSWER | {"token_key": "74"})],
)
def test_a_damaged_file_is_said_to_be(tmp_path: Path, text: str) -> None:
    (tmp_path / "identity.json").write_text(text)
    with pytest.raises(BadIdentity, match=r"identity\.json"):
        read_identity(tmp_path / "identity.json")


class _Centre(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        good = self.path == "/api/enrol" and asked["code"] == "ABCD-1234"
        body = json.dumps(ANSWER if good else {"detail": "this code is used up"}).encode()
        self.send_response(200 if good else 403)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return None


@pytest.fixture
def centre_url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Centre)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_code_is_worth_an_identity(centre_url: str) -> None:
    assert enrol(centre_url, " ABCD-1234\n", "0.1") == IDENTITY


def test_a_refusal_says_what_the_centre_says(centre_url: str) -> None:
    with pytest.raises(EnrolFailed, match="this code is used up"):
        enrol(centre_url, "WRONG", "0.1")


@pytest.mark.parametrize("url", ["ftp://centre", "centre", "http://127.0.0.1:9"])
def test_an_address_that_leads_nowhere_is_said_to(url: str) -> None:
    with pytest.raises(EnrolFailed):
        enrol(url, "ABCD-1234", "0.1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_technician_with_sudo_leaves_the_file_to_the_agent(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    write_identity(tmp_path / "identity.json", IDENTITY)
    assert (tmp_path / "identity.json").stat().st_uid == 65534


def test_a_folder_that_cannot_be_made_is_found_out_before_the_code_is_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        check_writable(tmp_path / "file" / "identity.json")
    check_writable(tmp_path / "state" / "identity.json")


@pytest.mark.parametrize(
    ("centre", "more", "status"),
    [
        ("http://crm.example.com", [], 1),
        ("HTTP://10.0.0.5:8400", [], 1),
        ("http://127.0.0.1.example.com", [], 1),
        ("http://crm.example.com", ["--insecure"], 0),
        ("https://crm.example.com", [], 0),
        ("http://localhost:8400", [], 0),
        ("http://127.0.0.1:8400", [], 0),
        ("http://[::1]:8400", [], 0),
    ],
)
def test_keys_are_not_fetched_in_clear_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, centre: str, more: list[str], status: int
) -> None:
    monkeypatch.setattr(identity, "enrol", lambda *_, **__: IDENTITY)
    settings = tmp_path / "edge.yaml"
    settings.write_text("state_dir: state\n")
    words = ["enrol", "--code", "A", "--centre", centre, "--config", str(settings), *more]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == status, done.output
    assert ("--insecure" in done.output) is (status == 1)
    assert (tmp_path / "state" / "identity.json").exists() is (status == 0)
