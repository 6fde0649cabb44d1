"""The settings of head office."""

from __future__ import annotations

from config.central import CentralSettings, EmbeddedBroker, ExternalBroker


def test_nothing_at_all_is_a_good_file(write, loaded):
    settings = loaded(write("central.yaml", ""), CentralSettings).settings
    assert isinstance(settings.broker, EmbeddedBroker)
    assert settings.database_url() == "sqlite:////var/lib/tillbeam/central/tillbeam.sqlite3"
    assert not settings.web.cookies_are_secure


def test_a_password_joins_the_database_address_only_for_connecting(write, loaded):
    write("secrets.yaml", "db: 'p@s/swd'\n", mode=0o600)
    text = "database:\n  url: postgresql://tb@db:5432/tb\n  password: !secret db\n"
    settings = loaded(write("central.yaml", text), CentralSettings).settings
    assert settings.database_url() == "postgresql://tb:p%40s%2Fswd@db:5432/tb"
    assert "swd" not in repr(settings)


def test_a_password_in_the_database_address_is_refused_unsaid(write, mistakes):
    file = write("central.yaml", "database: {url: 'postgresql://tb:hunter2@db/tb'}\n")
    [line] = mistakes(file, CentralSettings)
    assert "the password does not belong into the address" in line
    assert "hunter2" not in line


def test_a_broker_without_a_kind_is_our_own(write, loaded):
    settings = loaded(write("central.yaml", "broker: {port: 1884}\n"), CentralSettings).settings
    assert settings.broker == EmbeddedBroker(port=1884)


def test_stores_certificates_are_asked_for_only_over_tls(write, mistakes, loaded):
    [line] = mistakes(write("central.yaml", "broker: {client_ca: stores.pem}\n"), CentralSettings)
    assert "stores can show a certificate only where we have one" in line
    text = "broker: {certificate: a.pem, key: a.key, client_ca: stores.pem, ca: ours.pem}\n"
    broker = loaded(write("central.yaml", text), CentralSettings).settings.broker
    assert broker.client_ca.name == "stores.pem"
    assert broker.ca.name == "ours.pem"


def test_an_external_broker_has_an_address_and_perhaps_a_login(write, loaded):
    write("secrets.yaml", "mq: x\n", mode=0o600)
    text = "broker: {kind: external, url: 'mqtts://b:8883', login: centre, password: !secret mq}\n"
    broker = loaded(write("central.yaml", text), CentralSettings).settings.broker
    assert isinstance(broker, ExternalBroker)
    assert broker.password is not None
    assert broker.password.get_secret_value() == "x"


def test_mistakes_of_a_broker_stand_where_they_are(write, mistakes):
    text = "broker:\n  kind: external\n  url: http://b\n  port: 1\n  login: centre\n"
    assert mistakes(write("central.yaml", text), CentralSettings) == [
        "central.yaml:2:3: broker.password: login and password belong together; add 'password: …'",
        "central.yaml:3:8: broker.url: this address begins with the wrong word; there are mqtt://, mqtts://",
        "central.yaml:4:3: broker.port: there is no setting 'port' here; "
        "there are ca, certificate, key, kind, url, public_url, login, password",
    ]


def test_an_unknown_kind_of_broker_is_told_with_its_neighbour(write, mistakes):
    assert mistakes(write("central.yaml", "broker: {kind: extrnal}\n"), CentralSettings) == [
        "central.yaml:1:16: broker.kind: 'extrnal' is not among the choices; "
        "did you mean 'external'? There are embedded, external"
    ]


def test_other_values_of_head_office_are_checked(write, mistakes):
    text = "timezone: Asia/Shangai\ncurrency: yuan\nweb: {trusted_proxies: [10.0.0.300]}\n"
    assert mistakes(write("central.yaml", text), CentralSettings) == [
        "central.yaml:1:11: timezone: there is no time zone 'Asia/Shangai'; did you mean 'Asia/Shanghai'?",
        "central.yaml:2:11: currency: this is no currency; three letters of ISO 4217, such as CNY",
        "central.yaml:3:25: web.trusted_proxies[0]: this is no IP address or network; 10.0.0.5 or 10.0.0.0/8",
    ]
