"""The broker's process: ``python -P -m central_server.broker``, orders on standard input.

It answers one line on standard output and ends when its standard input does, so it never outlives who
started it. Secrets come by standard input only: arguments and environment can be read by others.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import sys

import msgspec
from amqtt.errors import BrokerError

from central_server.broker.logins import WithCentre, logins_named
from central_server.broker.server import TillbeamBroker
from central_server.broker.settings import Answer, Failed, Orders, Ready
from central_server.errors import CentreError


async def serve(orders: Orders) -> int:
    """Runs until standard input ends or SIGTERM; the process's exit status."""
    try:
        open_logins = logins_named(orders.settings.logins)
        async with open_logins(orders.settings.database_url) as stores:
            broker = TillbeamBroker(orders.settings, WithCentre(stores, orders.centre_secret))
            await broker.start()
            _say(Ready(*broker.ports()))
            await _end_of_input()
            await broker.shutdown()
    except (CentreError, OSError, ValueError) as error:
        _say(Failed(str(error)))
        return 1
    except BrokerError as error:
        cause = error.__cause__
        taken = isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE
        _say(Failed(str(cause or error), port_taken=taken))
        return 1
    return 0


async def _end_of_input() -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    watch = asyncio.create_task(reader.read())  # nothing more is ever said, so this returns at the end
    watch.add_done_callback(lambda _: ended.set())
    await ended.wait()
    watch.cancel()


def _say(answer: Answer) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="broker: %(message)s", stream=sys.stderr)
    for noisy in ("amqtt", "transitions"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the centre, which then ends us
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    return asyncio.run(serve(orders))


if __name__ == "__main__":
    sys.exit(main())
