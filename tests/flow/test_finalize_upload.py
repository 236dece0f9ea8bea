"""From the PUT to ready or rejected, in both modes."""

import pytest

from tests import samples


async def ask(api, user, data, mime_type="image/png", **more):
    body = {"file_name": "photo.png", "mime_type": mime_type, "file_size": len(data), **more}
    response = await api.post("/api/v1/media/upload", json=body, headers=user)
    assert response.status_code == 201, response.text
    return response.json()


async def put(storage, upload, data):
    return await storage.put(upload["url"], content=data, headers=upload["headers"])


async def settled(api, user, media_id):
    response = await api.get(f"/api/v1/media/{media_id}", headers={**user, "Prefer": "wait=10"})
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_upload_becomes_ready_by_its_notification_alone(api, storage, user, worker, events):
    data = samples.png(64, 48)
    asked = await ask(api, user, data)
    assert (await put(storage, asked["upload"], data)).status_code == 200
    media = await settled(api, user, asked["id"])
    assert (media["status"], media["width"], media["height"]) == ("ready", 64, 48)
    message = await events.next(asked["id"])
    assert message.subject == "media.uploaded"
    link = await api.get(f"/api/v1/media/{asked['id']}/download", headers=user)
    assert link.status_code == 302, link.text
    downloaded = await storage.get(link.headers["location"])
    assert downloaded.content == data
