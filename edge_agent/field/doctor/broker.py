"""The broker's door, tried with a second client id: does it let us in, and no further than our own topics?

What is published for the trial is a word that nobody takes for a message: a running agent or head office
drops it and writes a line into its log. A broker that allows one connection for each login (mosquitto with
use_username_as_clientid) sends the agent away for a moment; it dials again and nothing is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

from edge_agent.field.doctor.box import AS_ROOT, Box
from edge_agent.field.doctor.findings import Finding, bad, ok, warn
from edge_agent.field.doctor.network import DIAL_MAX_S, ENROL_AGAIN, broker_of, ca_file
from edge_agent.field.words import _
from edge_agent.identity import Identity
from sync.contract.topics import CENTRE_READS, down, here
from sync.link.base import LinkDown, LinkRefused
from sync.link.mqtt import MqttConnection, MqttDialler, Tls

WORD = b"tillbeam-edge doctor"
HEARD_WITHIN_S = 1.0  # a broker passes a message on within milliseconds
_EVERY_STORE = "tb/1/+/down"

Dial = Callable[[], Awaitable[MqttConnection]]


def broker(box: Box) -> Iterator[Finding]:
    """The login; then what a store may read, and where it may publish."""
    place = broker_of(box)
    if place is None or box.identity is None:
        yield warn(_("there is no login to try: see the enrolment"), AS_ROOT if box.denied else ENROL_AGAIN)
        return
    own = box.settings.centre
    with ca_file(box) as authority:
        try:
            dialler = MqttDialler(
                place.url,
                login=box.identity.login,
                password=box.identity.password,
                client_id=f"{box.identity.login}/doctor",
                tls=Tls(authority, own.certificate, own.key),
                dial_timeout_s=DIAL_MAX_S,
            )
            yield from asyncio.run(_tried(lambda: dialler.dial([]), box.identity, place.url))
        except ValueError as error:  # an address that is none, or a name that can be none
            yield bad(_("{url} cannot be reached: {why}"), ENROL_AGAIN, url=place.url, why=error)


async def _tried(dial: Dial, identity: Identity, url: str) -> list[Finding]:
    began_s = time.monotonic()
    try:
        async with _dialled(dial):
            took_ms = round((time.monotonic() - began_s) * 1000)
    except LinkRefused as error:
        return [bad(_("{url} does not let us in: {why}"), ENROL_AGAIN, url=url, why=error)]
    except LinkDown as error:
        host = url.partition("://")[2].replace(":", " ")
        return [bad(_("{url} cannot be reached: {why}"), f"nc -vz {host}", url=url, why=error)]
    found = [ok(_("{url} lets {login} in, {ms} ms"), url=url, login=identity.login, ms=took_ms)]
    for trial in (_own_topic, _others_topics, _as_the_centre):
        try:
            found.append(await trial(dial, identity))
        except LinkDown as error:
            found.append(warn(_("what the broker allows could not be tried to its end: {why}"), why=error))
    return found


async def _own_topic(dial: Dial, identity: Identity) -> Finding:
    """We hear what is meant for us."""
    if await _may_subscribe(dial, down(identity.store)):
        return ok(_("may read {topic}"), topic=down(identity.store))
    says = _("may not read its own {topic}: the broker's rules are wrong")
    return bad(says, "docs/mosquitto.acl.example", topic=down(identity.store))


async def _others_topics(dial: Dial, identity: Identity) -> Finding:
    """We hear nothing of other stores. Some brokers take any subscription, and then pass nothing on."""
    for topic in (CENTRE_READS, _EVERY_STORE):
        if not await _may_subscribe(dial, topic):
            continue
        async with _dialled(dial) as connection:
            await connection.subscribe([topic])
            await connection.publish(here(identity.store), WORD)
            if await _heard(connection, any_at_all=True):
                says = _("may read {topic}, which is every store's: the broker's rules are wrong")
                return bad(says, "docs/mosquitto.acl.example", topic=topic)
    return ok(_("may not read what is other stores'"))


async def _as_the_centre(dial: Dial, identity: Identity) -> Finding:
    """We cannot pass for head office, not even towards ourselves."""
    topic = down(identity.store)
    async with _dialled(dial) as connection:
        await connection.subscribe([topic])
        try:
            await connection.publish(topic, WORD)
            passed_on = await _heard(connection, any_at_all=False)
        except LinkDown:  # a broker may also hang up on who does that
            passed_on = False
    if passed_on:
        says = _("may publish to {topic}, which is head office's: the broker's rules are wrong")
        return bad(says, "docs/mosquitto.acl.example", topic=topic)
    return ok(_("may not publish what is head office's"))


async def _may_subscribe(dial: Dial, topic: str) -> bool:
    async with _dialled(dial) as connection:
        try:
            await connection.subscribe([topic])
        except LinkRefused:
            return False
    return True


async def _heard(connection: MqttConnection, *, any_at_all: bool) -> bool:
    """Whether our word (or anything) comes back. Raises LinkDown."""
    try:
        async with asyncio.timeout(HEARD_WITHIN_S):
            while (await connection.receive()).payload != WORD and not any_at_all:
                pass
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def _dialled(dial: Dial) -> AsyncIterator[MqttConnection]:
    connection = await dial()
    try:
        yield connection
    finally:
        await connection.close()
