"""Typesetters crash, hang and grow without end: one invoice is refused, the next is made."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import msgspec
import psutil
import pytest

from app.errors import TypesetterUnavailable
from app.invoices.data import Document, InvoiceOrder, Issuer
from app.typesetting import pool as typesetter_pool
from app.typesetting.pool import typesetting
from tests.invoices.orders import SAMPLES, minimal


@pytest.fixture
def document():
    order = msgspec.convert(minimal(), InvoiceOrder)
    return Document.of(order, msgspec.json.decode((SAMPLES / "issuer.json").read_bytes(), type=Issuer))


@pytest.fixture
def template(tmp_path):
    """A folder with a template that does this for invoices named so, and nothing else for others."""

    def template(what):
        text = f'#let page = json(bytes(sys.inputs.page))\n#set document(title: "x")\n{what}\n= Invoice'
        (tmp_path / "invoice.typ").write_text(text)
        return tmp_path

    return template


async def test_it_survives_the_death_of_a_process_at_work(document, template, failures):
    busy = "#let loop(n) = { for x in range(1000000) { for y in range(1000000) { n = n + 1 } } }\n#loop(0)"
    async with typesetting(template(busy)) as pool:
        waiting = asyncio.create_task(pool.typeset(document))
        while not [child for child in _children() if child.cpu_times().user > 0.5]:
            await asyncio.sleep(0.05)
        template("")
        _children()[0].kill()
        with pytest.raises(TypesetterUnavailable, match="crashed"):
            await waiting
        assert (await pool.typeset(document)).pdf
    failures.clear()
    assert _children() == []


async def test_nobody_notices_the_death_of_a_process_that_waits(document):
    async with typesetting(None) as pool:
        before = await pool.typeset(document)
        for _ in range(2):
            (child,) = _children()
            child.kill()
            assert (await pool.typeset(document)).pdf == before.pdf


async def test_processes_are_replaced_after_many_invoices(document, monkeypatch):
    monkeypatch.setattr(typesetter_pool, "_TASKS", 10)
    async with typesetting(None, processes=2) as pool:
        made = await asyncio.gather(*(pool.typeset(document) for _ in range(100)))
    assert len({typeset.pdf for typeset in made}) == 1


async def test_what_takes_too_long_is_ended(document, template, monkeypatch, failures):
    monkeypatch.setattr(typesetter_pool, "_SECONDS", 1.0)
    forever = "#let loop(n) = { for x in range(1000000) { for y in range(1000000) { n = n + 1 } } }\n#loop(0)"
    async with typesetting(template(forever)) as pool:
        with pytest.raises(TypesetterUnavailable, match="longer than 1 s"):
            await pool.typeset(document)
    assert [entry["event"] for entry in failures] == ["invoice.not_typeset"]
    failures.clear()


async def test_what_takes_too_much_memory_is_ended(document, template, failures):
    async with typesetting(template('#let x = "0123456789" * 400000000\n#let y = (x,) * 9\n#x.len()')) as pool:
        with pytest.raises(TypesetterUnavailable):
            await pool.typeset(document)
    failures.clear()


async def test_a_broken_template_is_told_with_its_place(document, template, failures):
    async with typesetting(template("#nonsense")) as pool:
        with pytest.raises(TypesetterUnavailable, match="unknown variable: nonsense"):
            await pool.typeset(document)
    failures.clear()


async def test_who_comes_when_too_many_wait_is_refused(document, monkeypatch):
    monkeypatch.setattr(typesetter_pool, "_MOST_WAITING", 3)
    async with typesetting(None) as pool:
        done = await asyncio.gather(*(pool.typeset(document) for _ in range(5)), return_exceptions=True)
        assert [type(result) for result in done].count(TypesetterUnavailable) == 2
        assert (await pool.typeset(document)).pdf


def test_no_process_outlives_the_one_that_started_it(document, tmp_path):
    """Killed, it can tell nobody."""
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    (tmp_path / "document").write_bytes(msgspec.json.encode(document))
    process = subprocess.Popen([sys.executable, str(program), str(tmp_path / "document")], stdout=subprocess.PIPE)
    child = psutil.Process(int(process.stdout.readline()))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline


_PROGRAM = """
import asyncio, sys, time
import msgspec, psutil
from app.invoices.data import Document
from app.typesetting.pool import typesetting

async def main():
    async with typesetting(None) as pool:
        await pool.typeset(msgspec.json.decode(open(sys.argv[1], "rb").read(), type=Document))
        (child,) = [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
        print(child.pid, flush=True)
        await asyncio.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


def _children():
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
