"""Whichever way an upload is finalized the scanner is asked; without its verdict the upload stays pending."""

import asyncio
import sys

import pytest

from app.config import Scanning, worker_settings
from app.errors import ScannerUnavailable, TryLater
from app.flow.finalize_upload import Outcome
from app.scanner import Scanner, scanner_of
from tests import samples
from tests.story import (
    complete,
    download,
    land,
    lands_at,
    notification,
    pass_time,
    status_of,
    stored,
    unique_png,
    write,
)


@pytest.fixture
def verdict(tmp_path):
    """The scanner exits with what a test writes here."""
    file = tmp_path / "verdict"
    file.write_text("0")
    return file


@pytest.fixture
def environment(environment, verdict):
    return {**environment, "SCAN_COMMAND": f"sh -c 'exit $(cat {verdict})'"}


@pytest.mark.parametrize(("said", "outcome"), [("0", "ready"), ("1", "rejected"), ("2", "pending")])
async def test_each_entrance_asks_the_scanner(api, storage, user, rows, idle_worker, verdict, said, outcome):
    verdict.write_text(said)
    uploads = [await land(api, storage, user, unique_png()) for _ in range(3)]
    notified, completed, swept = uploads
    if outcome == "pending":
        with pytest.raises(TryLater):
            await idle_worker.finalize_notified(notification(lands_at(notified)))
    else:
        await idle_worker.finalize_notified(notification(lands_at(notified)))
    assert (await complete(api, user, completed["id"])).status_code == (503 if outcome == "pending" else 200)
    await pass_time(rows, swept["id"], 60)
    await idle_worker.sweep()
    assert {await status_of(rows, asked["id"]) for asked in uploads} == {outcome}


async def test_a_scan_that_takes_too_long_leaves_the_upload_pending(api, storage, user, rows, environment, finalize):
    asked = await land(api, storage, user, unique_png())
    slow = scanner_of(Scanning(("sleep", "600"), 1), worker_settings(environment).storage)
    with pytest.raises(ScannerUnavailable):
        await finalize(asked, scanner=slow)
    assert await status_of(rows, asked["id"]) == "pending"


async def test_what_is_wrong_already_is_not_scanned(api, storage, user, verdict):
    verdict.write_text("2")
    asked = await land(api, storage, user, samples.html())
    answer = (await complete(api, user, asked["id"])).json()
    assert (answer["status"], answer["rejection_reason"]) == ("rejected", "type_mismatch")


async def test_an_upload_that_the_scanner_chokes_on_does_not_hold_up_the_sweep(
    api, storage, user, rows, environment, idle_worker, tmp_path
):
    choking = [await land(api, storage, user, unique_png()) for _ in range(2)]
    fine = await land(api, storage, user, samples.pdf(), "application/pdf")
    for number, asked in enumerate([*choking, fine]):
        await pass_time(rows, asked["id"], 600 - number)
    idle_worker._scanner = scanner_of(
        Scanning(("sh", "-c", "case $(cat) in *.pdf*) ;; *) exit 2 ;; esac"), 10), worker_settings(environment).storage
    )
    assert await idle_worker.sweep()
    assert [await status_of(rows, asked["id"]) for asked in choking] == ["pending"] * 2
    assert await status_of(rows, fine["id"]) == "ready"


READ_IT = "import sys, urllib.request as r; sys.exit(b'EVIL' in r.urlopen(input()).read())"


@pytest.mark.parametrize("evil", [True, False])
async def test_the_candidate_is_scanned_and_not_what_lies_there_since(
    api, storage, user, finalize, administrator, environment, evil
):
    bad = unique_png() + b"EVIL"
    good = samples.png(size=len(bad))
    data, later = (bad, good) if evil else (good, bad)
    asked, store = await land(api, storage, user, data), finalize.interrupted()
    store.after_look = lambda: write(administrator, lands_at(asked), later)
    scanner = scanner_of(Scanning((sys.executable, "-c", READ_IT), 10), worker_settings(environment).storage)
    assert await finalize(asked, store, scanner=scanner) is (Outcome.REJECTED if evil else Outcome.READY)


class InterruptedScanner(Scanner):
    """Something happens after the scan and before its verdict is written."""

    then = None

    async def finds_malware(self, address, version_id):
        infected = await super().finds_malware(address, version_id)
        await self.then()
        return infected


@pytest.fixture
def interrupted_scanner(environment):
    plain = scanner_of(Scanning(("true",), 10), worker_settings(environment).storage)
    return InterruptedScanner(Scanning(("true",), 10), plain._signer)


async def test_bytes_swapped_behind_the_scan_are_not_served(
    api, storage, user, finalize, administrator, interrupted_scanner
):
    data = unique_png()
    asked = await land(api, storage, user, data)
    interrupted_scanner.then = lambda: write(administrator, lands_at(asked), samples.html().ljust(len(data)))
    assert await finalize(asked, scanner=interrupted_scanner) is Outcome.READY
    assert (await download(api, storage, user, asked["id"])).content == data


async def test_an_upload_called_off_while_it_is_scanned_is_not_served(
    api, storage, user, rows, finalize, administrator, environment, interrupted_scanner
):
    data = unique_png()
    asked = await land(api, storage, user, data)

    async def call_off():
        assert (await api.delete(f"/api/v1/media/{asked['id']}", headers=user)).status_code == 204

    interrupted_scanner.then = call_off
    assert await finalize(asked, scanner=interrupted_scanner) is Outcome.SETTLED_BEFORE
    assert await status_of(rows, asked["id"]) == "expired"
    await finalize.purge()
    assert await stored(administrator, environment, data) == set()


async def test_of_two_that_scan_at_once_one_wins(api, storage, user, rows, finalize, administrator, environment):
    data = unique_png()
    asked = await land(api, storage, user, data)
    scanner = scanner_of(Scanning(("true",), 10), worker_settings(environment).storage)
    outcomes = await asyncio.gather(*(finalize(asked, scanner=scanner) for _ in range(2)))
    assert set(outcomes) == {Outcome.READY, Outcome.SETTLED_BEFORE}
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 1
    await finalize.purge()
    assert len(await stored(administrator, environment, data)) == 1
