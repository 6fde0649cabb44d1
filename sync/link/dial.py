"""A connected socket, and through its TLS handshake, without ever stopping the event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from sync.link.base import LinkDown, LinkRefused

# What is written and not yet sent stays out of the kernel, or a ping on a slow line stands behind megabytes.
_UNSENT_MAX_BYTES = 128 * 1024
_FIRST_ADDRESS_S = 4.0  # then the next address is tried; a dead IPv6 route must not take the whole time


async def open_socket(host: str, port: int, tls: Callable[[], ssl.SSLContext] | None) -> socket.socket:
    """A non-blocking TCP socket to `host`, an `ssl.SSLSocket` when `tls` makes a context.

    Has no time limit of its own and may be cancelled. Raises LinkDown; LinkRefused when `tls` cannot read its
    files or the broker's certificate is not to be trusted.
    """
    loop = asyncio.get_running_loop()
    try:
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LinkDown(f"cannot find {host}: {error.strerror or error}") from None
    sock = await _first_that_answers(addresses, f"{host}:{port}")
    if tls is None:
        return sock
    try:
        return await _through_tls(sock, host, tls)
    except BaseException:
        sock.close()
        raise


async def _first_that_answers(addresses: Sequence[Any], name: str) -> socket.socket:
    loop = asyncio.get_running_loop()
    why = "it has no address"
    for number, (family, kind, protocol, _, address) in enumerate(addresses, 1):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_MAX_BYTES)
            async with asyncio.timeout(_FIRST_ADDRESS_S if number < len(addresses) else None):
                await loop.sock_connect(sock, address)
            return sock
        except TimeoutError:
            sock.close()
            why = "no answer"
        except OSError as error:
            sock.close()
            why = error.strerror or str(error)
        except BaseException:
            sock.close()
            raise
    raise LinkDown(f"cannot reach {name}: {why}")


async def _through_tls(sock: socket.socket, host: str, tls: Callable[[], ssl.SSLContext]) -> ssl.SSLSocket:
    try:
        context = await asyncio.to_thread(tls)
    except OSError as error:
        raise LinkRefused(f"the TLS files cannot be used: {error}") from None
    wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    loop = asyncio.get_running_loop()
    try:
        while True:
            try:
                wrapped.do_handshake()
                return wrapped
            except ssl.SSLWantReadError:
                await _ready(loop.add_reader, loop.remove_reader, wrapped.fileno())
            except ssl.SSLWantWriteError:
                await _ready(loop.add_writer, loop.remove_writer, wrapped.fileno())
    except ssl.SSLCertVerificationError as error:
        wrapped.close()
        raise LinkRefused(f"the certificate of {host} is not to be trusted: {error.verify_message}") from None
    except OSError as error:
        wrapped.close()
        raise LinkDown(f"no TLS with {host}: {error.strerror or error}") from None
    except BaseException:
        wrapped.close()
        raise


async def _ready(add: Callable[..., object], remove: Callable[[int], object], fd: int) -> None:
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    add(fd, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        remove(fd)
