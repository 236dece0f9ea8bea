"""Processes that set invoices in type: off the event loop, each warm, within a time and a memory limit.

A process that crashes, hangs or grows too large is ended and replaced; only the invoice that it was setting is refused.
None outlives the process that started it.
"""

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import resource
import signal
from collections.abc import AsyncIterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
import structlog
from pebble import ProcessExpired, ProcessPool

from app.errors import TemplateBroken, TypesetterUnavailable
from app.invoices.data import Document
from app.typesetting.typesetter import Typeset, Typesetter

_MEMORY_BYTES: Final = 2 * 1024**3  # of addresses: a warm compiler with all fonts takes a quarter of it
_SECONDS: Final = 20.0  # 500 lines take a third of one; the longest order in the slowest script some
_MOST_WAITING: Final = 1_000
_TASKS: Final = 5_000  # then a process is replaced, and whatever it has gathered with it
_PR_SET_PDEATHSIG: Final = 1

log = structlog.get_logger()


class TypesetterPool:
    """A few warm typesetters; whoever comes when all are busy waits. They start with the first invoice."""

    def __init__(self, template_dir: Path | None, processes: int) -> None:
        self._template_dir = template_dir
        self._processes = processes
        self._pool = _new_pool(processes)
        self._waiting = 0

    async def typeset(self, document: Document) -> Typeset:
        """The PDF of a document. Raises TypesetterUnavailable."""
        if self._waiting >= _MOST_WAITING:
            raise TypesetterUnavailable("too many invoices wait for theirs")
        self._waiting += 1
        try:
            try:
                return await asyncio.wrap_future(self._scheduled(document))
            except BrokenProcessPool:  # it died while it did nothing: this invoice has no part in it
                return await asyncio.wrap_future(self._scheduled(document))
        except TimeoutError as error:
            raise _failed(document, f"it took longer than {_SECONDS:g} s") from error
        except (ProcessExpired, BrokenProcessPool, MemoryError) as error:
            raise _failed(document, "the typesetter crashed, or needed too much memory") from error
        except TemplateBroken as error:
            raise _failed(document, f"the template is broken: {error}") from error
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End all processes."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        await asyncio.to_thread(self._pool.join)

    def _scheduled(self, document: Document) -> Future[Typeset]:
        if not self._pool.active:  # a process that died while it did nothing takes the pool with it
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = _new_pool(self._processes)
        return self._pool.schedule(_typeset, args=[self._template_dir, document.as_json], timeout=_SECONDS)


@contextlib.asynccontextmanager
async def typesetting(template_dir: Path | None, *, processes: int = 1) -> AsyncIterator[TypesetterPool]:
    """A pool, for as long as the block lasts."""
    pool = TypesetterPool(template_dir, processes)
    try:
        yield pool
    finally:
        await pool.close()


def _new_pool(processes: int) -> ProcessPool:
    return ProcessPool(
        max_workers=processes,
        max_tasks=_TASKS,
        initializer=_begin,
        initargs=[os.getpid()],
        context=multiprocessing.get_context("spawn"),
    )


def _failed(document: Document, reason: str) -> TypesetterUnavailable:
    log.error("invoice.not_typeset", invoice_number=document.invoice_number, reason=reason)
    return TypesetterUnavailable(reason)


def _begin(parent: int) -> None:
    """In the new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, which is meant for the parent
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@cache
def _typesetter(template_dir: Path | None) -> Typesetter:
    return Typesetter(template_dir)


def _typeset(template_dir: Path | None, document: bytes) -> Typeset:
    return _typesetter(template_dir).typeset(msgspec.json.decode(document, type=Document))
