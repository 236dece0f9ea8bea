"""What a real ClamAV finds infected is rejected and gone; while it is away, nothing becomes ready."""

import json
from pathlib import Path

import pytest

from app.errors import TryLater
from tests import samples
from tests.clamd import EICAR, needs_clamd, running_clamd
from tests.story import (
    complete,
    download,
    gone,
    land,
    lands_at,
    notification,
    settled,
    status_of,
    stored,
    unique_png,
)

pytestmark = [needs_clamd, pytest.mark.xdist_group("clamd")]
PROGRAM = Path(__file__).parents[2] / "deploy/scan-clamav"
INFECTED = {
    "text/plain": b"a letter\n" + EICAR + b"\n",
    "application/pdf": samples.pdf().replace(b"%%EOF", b"%" + EICAR + b"\n%%EOF"),
}


@pytest.fixture
async def clamd(tmp_path):
    async with running_clamd(tmp_path) as running:
        yield running


@pytest.fixture
def environment(environment, clamd):
    return {
        **environment,
        "SCAN_COMMAND": f"{PROGRAM} {clamd.socket}",
        "ALLOWED_DOCUMENT_TYPES": "application/pdf,text/plain",
    }


async def test_a_clean_file_is_ready(api, storage, user, worker):
    data = unique_png()
    asked = await land(api, storage, user, data)
    assert (await settled(api, user, asked["id"]))["status"] == "ready"
    assert (await download(api, storage, user, asked["id"])).content == data


@pytest.mark.parametrize("mime_type", INFECTED)
async def test_an_infected_file_is_rejected_and_gone_and_said_so(
    api, storage, user, worker, events, administrator, environment, mime_type
):
    data = INFECTED[mime_type]
    asked = await land(api, storage, user, data, mime_type)
    media = await settled(api, user, asked["id"])
    assert (media["status"], media["rejection_reason"]) == ("rejected", "infected")
    refused = await api.get(f"/api/v1/media/{asked['id']}/download", headers=user)
    assert (refused.status_code, refused.json()["code"]) == (409, "media_not_ready")
    message = await events.next(asked["id"])
    assert message.subject == "media.rejected"
    assert json.loads(message.data)["rejection_reason"] == "infected"
    await gone(administrator, environment, data)


async def test_complete_scans_too(api, storage, user, administrator, environment):
    data = INFECTED["text/plain"] * 2
    asked = await land(api, storage, user, data, "text/plain")
    answer = await complete(api, user, asked["id"])
    assert (answer.status_code, answer.json()["rejection_reason"]) == (200, "infected")
    assert await stored(administrator, environment, data) == set()


async def test_while_the_scanner_is_away_an_upload_stays_pending(
    api, storage, user, rows, clamd, idle_worker, administrator, environment
):
    data = unique_png()
    asked = await land(api, storage, user, data)
    await clamd.stop()
    with pytest.raises(TryLater, match="scanner_unavailable"):
        await idle_worker.finalize_notified(notification(lands_at(asked)))
    answer = await complete(api, user, asked["id"])
    assert (answer.status_code, answer.json()["code"]) == (503, "scanner_unavailable")
    assert "Retry-After" in answer.headers
    assert await status_of(rows, asked["id"]) == "pending"
    assert (await api.get(f"/api/v1/media/{asked['id']}/download", headers=user)).status_code == 409
    await idle_worker.purge()
    assert await stored(administrator, environment, data) == {lands_at(asked)}, "copies do not add up"
    await clamd.start()
    await idle_worker.finalize_notified(notification(lands_at(asked)))
    assert (await settled(api, user, asked["id"]))["status"] == "ready"
    assert (await download(api, storage, user, asked["id"])).content == data
