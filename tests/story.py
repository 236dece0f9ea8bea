"""The verbs of the story that every test tells: ask, put, settled, served; and what only an administrator can see."""

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import random
import socket
import time
import uuid
from urllib.parse import quote_plus, unquote, urlsplit

import aiohttp
import jwt
from miniopy_async.api import Minio

from app.media import ObjectAddress
from tests import samples


def unique_png():
    """A PNG that no other test uploads: its bytes are told from all others by their ETag."""
    return samples.png(random.randint(1, 5000), random.randint(1, 8), size=random.randint(300, 3000))


def sha256_of(data):
    """As declared and as stored: base64."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


async def ask(api, user, data, mime_type="image/png", *, headers=None, **more):
    """The answer to a request for an upload of these bytes."""
    body = {"file_name": "photo.png", "mime_type": mime_type, "file_size": len(data), **more}
    response = await api.post("/api/v1/media/upload", json=body, headers={**user, **(headers or {})})
    assert response.status_code == 201, response.text
    return response.json()


async def put(storage, asked, data, **extra):
    """The PUT that the URL is for; `extra` are headers that it did not ask for. Again where MinIO removes a folder."""
    upload = asked["upload"]
    for _ in range(3):
        response = await storage.put(upload["url"], content=data, headers={**upload["headers"], **extra})
        if storage_code(response) != "AccessDenied":  # docs/decisions/0032
            break
    return response


async def land(api, storage, user, data, mime_type="image/png", **more):
    """Asked for, and landed: the answer of the API."""
    asked = await ask(api, user, data, mime_type, **more)
    response = await put(storage, asked, data)
    assert response.status_code == 200, response.text
    return asked


async def settled(api, user, media_id):
    """The media object, once it is no longer pending."""
    response = await api.get(f"/api/v1/media/{media_id}", headers={**user, "Prefer": "wait=10"})
    assert response.status_code == 200, response.text
    media = response.json()
    assert media["status"] != "pending", "nothing settled it"
    return media


async def complete(api, user, media_id):
    """The client's nudge."""
    return await api.post(f"/api/v1/media/{media_id}/complete", headers=user)


async def make_ready(api, storage, user, data, mime_type="image/png", **more):
    """Asked for, landed and finalized by the client's nudge: no worker is needed."""
    asked = await land(api, storage, user, data, mime_type, **more)
    response = await complete(api, user, asked["id"])
    assert (response.status_code, response.json()["status"]) == (200, "ready"), response.text
    return asked


async def link_to(api, user, media_id):
    """A presigned GET."""
    response = await api.get(f"/api/v1/media/{media_id}/download", headers=user)
    assert response.status_code == 302, response.text
    return response.headers["location"]


async def download(api, storage, user, media_id):
    """What storage serves for this media object."""
    return await storage.get(await link_to(api, user, media_id))


def lands_at(asked):
    """Where the issued URL writes to."""
    bucket, _, key = unquote(urlsplit(asked["upload"]["url"]).path).lstrip("/").partition("/")
    return ObjectAddress(bucket, key)


def notification(address, size=1):
    """As storage would say that something landed there."""
    entity = {"bucket": {"name": address.bucket}, "object": {"key": quote_plus(address.key), "size": size, "eTag": "0"}}
    return json.dumps({"EventName": "s3:ObjectCreated:Put", "Records": [{"s3": entity}]}).encode()


def bearers(jwt_secret):
    """Makes headers of callers: of someone new, or of a given user, with any claims."""

    def headers(sub=None, **claims):
        now = int(time.time())
        payload = {"sub": str(sub or uuid.uuid4()), "iat": now, "exp": now + 600, "aud": "media", "iss": "local-stack"}
        return {"Authorization": f"Bearer {jwt.encode({**payload, **claims}, jwt_secret, algorithm='HS256')}"}

    return headers


def unused_port():
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def storage_code(response):
    """The code of a refusal by storage."""
    return response.text.partition("<Code>")[2].partition("</Code>")[0]


@contextlib.asynccontextmanager
async def client_of(stack, identity):
    """All of S3, as whoever has this identity's secret can use it."""
    async with aiohttp.ClientSession() as session:
        yield Minio(
            stack.minio_endpoint,
            identity.access_key,
            identity.secret_key,
            secure=False,
            region="us-east-1",
            session=session,
        )


async def write(administrator, address, data, mime_type="image/png"):
    """Write bytes as no URL allows."""
    await administrator.put_object(address.bucket, address.key, io.BytesIO(data), len(data), content_type=mime_type)


async def stored(administrator, environment, data):
    """Every key, where uploads land and where files are served from, that holds these bytes in any of its versions."""
    etag = hashlib.md5(data).hexdigest()
    buckets = {environment["MINIO_BUCKET_INCOMING"], environment["MINIO_BUCKET_MEDIA"]}
    return {
        ObjectAddress(bucket, listed.object_name)
        for bucket in buckets
        async for listed in administrator.list_objects(bucket, recursive=True, include_version=True)
        if (listed.etag or "").strip('"') == etag
    }


async def gone(administrator, environment, data, *, but=0):
    """Until no key, or only so many, hold these bytes: a worker removes them."""
    async with asyncio.timeout(10):
        while True:
            if len(await stored(administrator, environment, data)) == but:
                return
            await asyncio.sleep(0.02)


async def status_of(rows, media_id):
    return await rows.fetchval("SELECT status FROM media.media_objects WHERE id = $1", media_id)


async def pass_time(rows, media_id, seconds):
    """Let the row's times, and the ledger's, lie this much further back."""
    await rows.execute(
        """UPDATE media.media_objects
           SET created_at = created_at - $2 * interval '1 second', sweep_at = sweep_at - $2 * interval '1 second',
               upload_expires_at = upload_expires_at - $2 * interval '1 second',
               expires_at = expires_at - $2 * interval '1 second'
           WHERE id = $1""",
        media_id,
        seconds,
    )
    await rows.execute(
        """UPDATE media.purges SET due_at = due_at - $2 * interval '1 second',
               closes_at = closes_at - $2 * interval '1 second', claimed_at = claimed_at - $2 * interval '1 second'
           WHERE media_id = $1""",
        media_id,
        seconds,
    )
