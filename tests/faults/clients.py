"""Clients of a run: they ask, PUT, sometimes nudge or delete, try again as good clients do, and write it down."""

import asyncio
import contextlib
import hashlib
import random
import time
import uuid

import aiohttp

from tests import samples
from tests.faults.diary import Diary, Upload
from tests.story import bearers, sha256_of

_USERS = 40
_PATIENCE_SECONDS = 60.0
_PUT_SECONDS = 20.0
_SPOOFED, _NUDGED, _DELETED = 0.03, 0.3, 0.04  # shares of all uploads
_CALL = aiohttp.ClientTimeout(total=15, connect=5)
_AWAY = (aiohttp.ClientError, TimeoutError, OSError)


class _Pace:
    """Turns, so many a second. What an outage cost is not made up for."""

    def __init__(self, per_second: float) -> None:
        self._apart = 1 / per_second
        self._next = time.monotonic()

    async def turn(self) -> None:
        self._next = max(self._next + self._apart, time.monotonic())
        await asyncio.sleep(self._next - time.monotonic())


class Clients:
    """Any number of them, with one random sequence for what they do."""

    def __init__(self, ground, diary: Diary, rng: random.Random, http: aiohttp.ClientSession) -> None:
        self._api = f"{ground.addresses.api_url}/api/v1/media"
        self._bearer = bearers(ground.secrets.jwt_secret)
        self._service = ground.secrets.service_id
        self._diary = diary
        self._rng = rng
        self._http = http
        self._users = [uuid.UUID(int=rng.getrandbits(128), version=4) for _ in range(_USERS)]
        self._stopping = False

    @contextlib.asynccontextmanager
    async def uploading(self, *, clients: int, per_second: float):
        """So many at once, all the while; what is under way in the end is finished."""
        self._stopping = False
        pace = _Pace(per_second)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(clients):
                tasks.create_task(self._keep_uploading(pace))
            yield
            self._stopping = True

    async def _keep_uploading(self, pace: "_Pace") -> None:
        while not self._stopping:
            await pace.turn()
            await self.upload()

    async def upload(self) -> None:
        """One story from the request to the PUT's answer, with whatever chance lets follow."""
        spoofed, nudged, deleted = (self._rng.random() < share for share in (_SPOOFED, _NUDGED, _DELETED))
        upload = await self.upload_plainly(spoofed=spoofed)
        if upload is None or not upload.landed:
            return
        if nudged:
            await self.complete(upload)
        if deleted and not spoofed:
            await self._delete(upload)

    async def upload_plainly(self, *, spoofed: bool = False) -> Upload | None:
        """Asked for and PUT, and nothing more. None: the API gave no id."""
        user = self._rng.choice(self._users)
        data = self._content(spoofed=spoofed)
        asked = await self._ask(user, data)
        if asked is None:
            return None
        upload = self._diary.asked(asked["id"], user, data, spoofed=spoofed)
        await self._put(asked["upload"], data, upload)
        return upload

    async def complete(self, upload: Upload) -> None:
        """The client's nudge, once."""
        await self._tried("POST", f"{self._api}/{upload.media_id}/complete", upload.user)

    async def _delete(self, upload: Upload) -> None:
        upload.deleted = "asked"
        if await self._tried("DELETE", f"{self._api}/{upload.media_id}", upload.user) == 204:
            upload.deleted = "done"

    async def status(self, media_id: str) -> str | None:
        """As a service reads it; None where the API does not answer."""
        with contextlib.suppress(*_AWAY):
            async with self._http.get(f"{self._api}/{media_id}", headers=self.service(), timeout=_CALL) as response:
                if response.status == 200:
                    return (await response.json())["status"]
        return None

    async def answers(self) -> bool:
        """Whether the API does what takes its database."""
        with contextlib.suppress(*_AWAY):
            async with self._http.get(f"{self._api}?limit=1", headers=self.service(), timeout=_CALL) as response:
                return response.status == 200
        return False

    async def served(self, ids: list[str]) -> dict[str, str]:
        """The SHA-256 of what storage serves for each of these, or what was said instead."""
        found = {}
        for start in range(0, len(ids), 500):
            body = {"ids": ids[start : start + 500]}
            async with self._http.post(f"{self._api}/download-urls", json=body, headers=self.service()) as response:
                assert response.status == 200, await response.text()
                links = (await response.json())["items"]
            lanes = asyncio.Semaphore(16)
            found |= dict(await asyncio.gather(*(self._hash(link, lanes) for link in links)))
        return found

    async def _hash(self, link: dict, lanes: asyncio.Semaphore) -> tuple[str, str]:
        if link.get("url") is None:
            return link["id"], f"no link: {link.get('error')}"
        async with lanes, self._http.get(link["url"]) as response:
            body = await response.read()
            sha256 = hashlib.sha256(body).hexdigest()
            return link["id"], sha256 if response.status == 200 else f"storage answered {response.status}"

    def _content(self, *, spoofed: bool) -> bytes:
        noise = self._rng.randbytes(self._rng.choice((200, 2_000, 20_000, 60_000)))
        return samples.html() + noise if spoofed else samples.png(3, 2) + noise

    async def _ask(self, user: uuid.UUID, data: bytes) -> dict | None:
        """Asked again with the same Idempotency-Key until there is an answer: the same upload, never two."""
        body = {
            "file_name": "a.png",
            "mime_type": "image/png",
            "file_size": len(data),
            "checksum_sha256": sha256_of(data),
        }
        key = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(*_AWAY):
                headers = {**self._bearer(user), "Idempotency-Key": key}
                async with self._http.post(
                    f"{self._api}/upload", json=body, headers=headers, timeout=_CALL
                ) as response:
                    if response.status in (200, 201):
                        return await response.json()
                    self._diary.count(f"POST /upload {response.status}")
            await asyncio.sleep(0.2)
        return None

    async def _put(self, asked: dict, data: bytes, upload) -> None:
        """Tried again while the URL lives. 412 says that an earlier try, whose answer was lost, has landed."""
        deadline = time.monotonic() + _PUT_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(*_AWAY):
                async with self._http.put(asked["url"], data=data, headers=asked["headers"], timeout=_CALL) as response:
                    upload.answered = response.status
                    if response.status in (200, 403, 412):
                        return
            await asyncio.sleep(0.2)

    async def _tried(self, method: str, url: str, user: uuid.UUID) -> int | None:
        with contextlib.suppress(*_AWAY):
            async with self._http.request(method, url, headers=self._bearer(user), timeout=_CALL) as response:
                if response.status >= 500:
                    self._diary.count(f"{method} {response.status}")
                return response.status
        return None

    def service(self) -> dict[str, str]:
        return self._bearer(self._service, roles=["service"], scope="media:read media:links")


@contextlib.asynccontextmanager
async def open_clients(ground, diary: Diary, rng: random.Random):
    """One connection pool for all: their own proxies and cookies do not matter here."""
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(connector=connector) as http:
        yield Clients(ground, diary, rng, http)
