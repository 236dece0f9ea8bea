"""What a client of the service does, as any HTTP client can: ask, PUT, wait, download."""

import asyncio
import hashlib
import random
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from tests import samples

_PATIENCE_SECONDS = 15


@dataclass(frozen=True)
class Sample:
    """A file that nobody else uploads."""

    name: str
    mime_type: str
    file_type: str
    content: bytes

    def __repr__(self):
        return f"Sample({self.name!r}, {len(self.content)} bytes)"


KINDS = {
    "png": ("image/png", "image", samples.png),
    "jpeg": ("image/jpeg", "image", samples.jpeg),
    "webp": ("image/webp", "image", samples.webp),
    "pdf": ("application/pdf", "pdf", samples.pdf),
}


def sample(kind):
    """A valid file of this kind. Its name is one that headers and shells trip over."""
    mime_type, file_type, make = KINDS[kind]
    return Sample(f"Anna's Füße, 1 €.{kind}", mime_type, file_type, make(size=random.randint(2_000, 200_000)))


async def ask(user, file, **more):
    """The answer to the request for an upload."""
    body = {"file_name": file.name, "mime_type": file.mime_type, "file_size": len(file.content), **more}
    response = await user.post("/api/v1/media/upload", json=body)
    assert response.status_code == 201, response.text
    return response.json()


async def put(anyone, asked, content):
    """The PUT to storage, with exactly the headers and the length that were asked for."""
    upload = asked["upload"]
    headers = upload["headers"] | {"content-length": str(upload["content_length"])}
    response = await anyone.request(upload["method"], upload["url"], headers=headers, content=content)
    if response.status_code == 403 and isinstance(content, bytes):  # docs/decisions/0032
        response = await anyone.request(upload["method"], upload["url"], headers=headers, content=content)
    assert response.status_code == 200, response.text


async def settled(user, media_id):
    """The media object, as soon as it is no longer pending."""
    response = await user.get(f"/api/v1/media/{media_id}", headers={"Prefer": "wait=20"})
    assert response.status_code == 200, response.text
    return response.json()


async def make_ready(user, anyone, file, **more):
    """Ask, PUT and wait: the answers to the first and to the last."""
    asked = await ask(user, file, **more)
    await put(anyone, asked, file.content)
    media = await settled(user, asked["id"])
    assert media["status"] == "ready", media
    return asked, media


def key_of(asked):
    """The object key that the presigned PUT writes to."""
    return unquote(urlsplit(asked["upload"]["url"]).path).lstrip("/").partition("/")[2]


async def stored(root, stack, content, *, copies):
    """Where storage has these bytes, in any bucket and version, as soon as that is in so many places."""
    etag = hashlib.md5(content).hexdigest()
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            places = [
                f"{bucket}/{listed.object_name}"
                for bucket in set(stack["buckets"].values())
                async for listed in root.list_objects(bucket, recursive=True, include_version=True)
                if (listed.etag or "").strip('"') == etag
            ]
            if len(places) == copies:
                return places
            await asyncio.sleep(0.05)  # storage tells nobody of what it removed
