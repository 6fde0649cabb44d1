"""The process that cameras' workers are forked from: `python -P -m drivers.counter.camera.nursery`.

    agent ──► nursery   on its stdin, a Unix socket: a byte with two sockets of a new worker
                        line      the worker's stdin and stdout
                        tether    between the agent and us, about it, in lines
    tether      ◄──     1234                    it is born: its pid; 0 when it is not
                        -9 its last words       it has ended: its status as Popen has it
                ──►     its end, and that of the agent too: the worker is killed

It has loaded all that a worker needs and used it once, so that this is in memory once, however many look. It
never opens a camera, has one thread (a fork copies no other) and does nothing until somebody asks. When it
ends, the kernel kills its workers.
"""

from __future__ import annotations

import ctypes
import gc
import os
import selectors
import signal
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NoReturn

import cv2

from drivers.counter.camera import simulator, worker
from drivers.counter.camera.camera import Frame
from drivers.counter.camera.counter import Counter
from drivers.counter.camera.health import Health
from drivers.counter.camera.sight import Eye
from drivers.counter.camera.watch import Watch

LAST_WORDS_BYTES = 2048  # of a worker's stderr
PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
REHEARSAL_S, REHEARSAL_RATE = 8.0, 5.0  # 0.15 s of work; people come after three


class Child:
    """A worker, as it is seen from here."""

    def __init__(self, pid: int, tether: socket.socket, stderr: int) -> None:
        self.pid, self.tether, self.stderr = pid, tether, stderr
        self.words = b""


class Nursery:
    """Forks, listens to those who die, and tells it."""

    def __init__(self, asks: socket.socket, work: Callable[[], int]) -> None:
        """`work` is what a worker does; it returns its exit status."""
        self._asks, self._work = asks, work
        self._selector = selectors.DefaultSelector()
        self._selector.register(asks, selectors.EVENT_READ, self._fork)

    def serve(self) -> None:
        """Until the agent is gone."""
        with suppress(EOFError):
            while True:
                # One at a time: what one event ends is not to be touched by another of the same moment.
                for key, _ in self._selector.select()[:1]:
                    key.data()

    def _fork(self) -> None:
        byte, fds, _, _ = socket.recv_fds(self._asks, 1, 2)
        if not byte:
            raise EOFError
        line, tether = (socket.socket(fileno=fd) for fd in fds)
        hearing, stderr = os.pipe()
        nursery = os.getpid()
        with line:
            try:
                pid = os.fork()
                if pid == 0:
                    self._be_worker(nursery, line.fileno(), stderr)
            except OSError as error:
                _tell(tether, f"0\n1 {error.strerror}")
                tether.close()
                os.close(hearing)
                return
            finally:
                os.close(stderr)
        child = Child(pid, tether, hearing)
        _tell(tether, f"{pid}")
        self._selector.register(hearing, selectors.EVENT_READ, partial(self._hear, child))
        self._selector.register(tether, selectors.EVENT_READ, partial(self._kill, child))

    def _hear(self, child: Child) -> None:
        """Its stderr, which ends when it does."""
        chunk = os.read(child.stderr, LAST_WORDS_BYTES)
        child.words = (child.words + chunk)[-LAST_WORDS_BYTES:]
        if chunk:
            return
        os.kill(child.pid, signal.SIGKILL)  # if it lives on without one, we would wait for it
        status = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
        words = child.words.decode("utf-8", "replace").strip().splitlines()
        _tell(child.tether, f"{status} {words[-1] if words else ''}")
        with suppress(KeyError):
            self._selector.unregister(child.tether)
        self._selector.unregister(child.stderr)
        child.tether.close()
        os.close(child.stderr)

    def _kill(self, child: Child) -> None:
        """The agent let go of it. It may be a while until it ends, when it hangs in a driver."""
        self._selector.unregister(child.tether)
        os.kill(child.pid, signal.SIGKILL)

    def _be_worker(self, nursery: int, line: int, stderr: int) -> NoReturn:
        status = 1
        try:
            os.dup2(line, 0)
            os.dup2(line, 1)
            os.dup2(stderr, 2)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # none of its siblings' lines
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
            if os.getppid() == nursery:  # else it ended before this could be asked for
                status = self._work()
        except BaseException:  # noqa: BLE001 - whatever it is, it must not go on as a nursery
            traceback.print_exc()
        finally:
            os._exit(status)  # at once: a thread that hangs in a driver must not keep us


def _tell(tether: socket.socket, what: str) -> None:
    """Never waits: who does not listen, or is gone, is not told."""
    with suppress(OSError):
        tether.send(what.encode() + b"\n", socket.MSG_DONTWAIT)


def rehearse() -> None:
    """Counts drawn people: what is loaded or made at its first use is made here, and not by each worker."""
    film = simulator.film(0, "busy", lasts_s=REHEARSAL_S)
    counter = Counter(film.options)
    watch = Watch(counter, Health())
    eye = Eye(film.options, watch)
    for t_s, picture in film.frames(REHEARSAL_RATE):
        watch.look(Frame(picture, t_s))
        eye.seen()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the agent ends us when it is done
    cv2.setNumThreads(1)
    rehearse()
    gc.collect()
    with suppress(AttributeError):  # only glibc has it
        # What is free here would be kept here, and copied into each worker that uses it again.
        ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()  # the collector writes into what it looks at, and what is written to is no longer shared
    Nursery(socket.socket(fileno=0), worker.main).serve()
    os._exit(0)


if __name__ == "__main__":
    main()
