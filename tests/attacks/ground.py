"""One service for many attacks: an API, a worker that does what it is told, and a database, for all cases of a mode.

A case is known by its user and its bytes, which are no other case's. It takes milliseconds where a service of its own
takes half a second.
"""

import asyncio
import contextlib
import secrets

import asyncpg
import httpx
import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from app.api.app import create_app
from app.config import api_settings, worker_settings
from app.events import NOTIFICATION_STREAM, NOTIFICATION_SUBJECT
from app.media import ObjectAddress
from app.worker import open_worker
from tests import story
from tests.conftest import living
from tests.stack import TEMPLATE, database_named
from tests.story import client_of, lands_at, notification

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# More than by default: what is text or a container to libmagic is easier to pass off as something else.
DOCUMENTS = ["application/pdf", "text/plain", "text/csv", "application/json", DOCX]


class Ground:
    """The story's verbs on one running service, and what only an administrator can see."""

    def __init__(self, mode, environment, bearer):
        self.mode = mode
        self.environment = environment
        self.settings = api_settings(environment)
        self.bearer = bearer
        self.api = self.storage = self.administrator = self.rows = self.bus = self.worker = self.durable = None
        self._kept = {}

    @property
    def in_place(self):
        return self.mode == "in place"

    async def ask(self, user, data, mime_type="image/png", **more):
        return await story.ask(self.api, user, data, mime_type, **more)

    async def put(self, asked, data, **extra):
        return await story.put(self.storage, asked, data, **extra)

    async def land(self, user, data, mime_type="image/png", **more):
        return await story.land(self.api, self.storage, user, data, mime_type, **more)

    async def make_ready(self, user, data, mime_type="image/png", **more):
        return await story.make_ready(self.api, self.storage, user, data, mime_type, **more)

    async def complete(self, user, asked):
        return await story.complete(self.api, user, asked["id"])

    async def link_to(self, user, asked):
        return await story.link_to(self.api, user, asked["id"])

    async def download(self, user, asked):
        return await story.download(self.api, self.storage, user, asked["id"])

    async def status_of(self, asked):
        return await story.status_of(self.rows, asked["id"])

    async def notify(self, asked):
        """As storage says that something landed."""
        await self.worker.finalize_notified(notification(lands_at(asked)))

    async def publish(self, payload):
        """Into the stream of notifications, until the worker has done with it and with all before it."""
        sent = await self.bus.jetstream().publish(NOTIFICATION_SUBJECT, payload)
        async with asyncio.timeout(15):
            while True:
                info = await self.bus.jetstream().consumer_info(NOTIFICATION_STREAM, self.durable)
                if info.ack_floor.stream_seq >= sent.seq:
                    return sent.seq
                await asyncio.sleep(0.01)

    async def settled(self, user, asked):
        return await story.settled(self.api, user, asked["id"])

    async def pass_time(self, asked, seconds):
        await story.pass_time(self.rows, asked["id"], seconds)

    async def purge(self):
        while await self.worker.purge():
            pass

    async def events_of(self, asked):
        """What is announced of this object, in order."""
        sql = "SELECT event_type FROM media.outbox WHERE media_id = $1 ORDER BY id"
        return [row["event_type"] for row in await self.rows.fetch(sql, asked["id"])]

    async def versions_at(self, address):
        """The MD5 of each version that lies under exactly this key, and "covered" for one that was only covered up."""
        found = self.administrator.list_objects(address.bucket, prefix=address.key, include_version=True)
        return [
            "covered" if listed.is_delete_marker else listed.etag.strip('"')
            async for listed in found
            if listed.object_name == address.key
        ]

    async def keys_of(self, asked):
        """Every key that this object has, or had a copy under, with the versions that lie there."""
        sql = """SELECT bucket_name, storage_path FROM media.media_objects WHERE id = $1
                 UNION SELECT incoming_bucket, incoming_path FROM media.media_objects WHERE id = $1
                 UNION SELECT bucket_name, storage_path FROM media.purges WHERE media_id = $1"""
        addresses = [ObjectAddress(*row) for row in await self.rows.fetch(sql, asked["id"])]
        return {address: await self.versions_at(address) for address in addresses}

    async def stored(self, data):
        """Every key that holds these bytes in any of its versions."""
        return await story.stored(self.administrator, self.environment, data)

    async def wipe(self, address):
        """Nothing lies there any more, and nobody was told."""
        found = self.administrator.list_objects(address.bucket, prefix=address.key, include_version=True)
        async for listed in found:
            if listed.object_name == address.key:
                await self.administrator.remove_object(address.bucket, address.key, version_id=listed.version_id)

    async def kept(self, name, make):
        """What cases share: made by the first one that needs it."""
        if name not in self._kept:
            self._kept[name] = await make()
        return self._kept[name]

    async def assert_serves_only_the_declared(self, user, asked, declared, mime_type="image/png"):
        """Whatever became of the attempt: what was not declared is not served, and what is served is what was."""
        await self.complete(user, asked)
        answer = await self.api.get(f"/api/v1/media/{asked['id']}/download", headers=user)
        if answer.status_code == 302:
            served = await self.storage.get(answer.headers["location"])
            assert (served.status_code, served.content) == (200, declared)
            assert served.headers["content-type"] == mime_type
            assert "content-encoding" not in served.headers
        else:
            assert answer.json()["code"] in {"media_not_ready", "media_not_found"}
        return await self.status_of(asked)


@contextlib.asynccontextmanager
async def open_ground(stack, mode, bearer):
    name = f"attacked_{secrets.token_hex(8)}"
    connection = await asyncpg.connect(stack.database_url)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY wal_log")
    await connection.close()
    environment = stack.environment(mode, database_named(stack.database_url, name))
    ground = Ground(mode, {**environment, "ALLOWED_DOCUMENT_TYPES": ",".join(DOCUMENTS)}, bearer)
    app = create_app(ground.settings)
    async with contextlib.AsyncExitStack() as opened:
        enter = opened.enter_async_context
        await enter(living(app))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        ground.api = await enter(httpx.AsyncClient(transport=transport, base_url="http://media.test"))
        ground.storage = await enter(httpx.AsyncClient())
        ground.administrator = await enter(client_of(stack, stack.root))
        ground.rows = await asyncpg.connect(ground.environment["DATABASE_URL"])
        opened.push_async_callback(ground.rows.close)
        ground.bus = await nats.connect(stack.nats_url)
        opened.push_async_callback(ground.bus.close)
        ground.durable = await enter(_durable(ground.bus))
        ground.worker = await enter(open_worker(worker_settings(ground.environment), durable=ground.durable))
        yield ground


@contextlib.asynccontextmanager
async def working(ground):
    """Its worker does what it is there for."""
    work = asyncio.create_task(ground.worker.run())
    try:
        yield
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


@contextlib.asynccontextmanager
async def _durable(bus):
    name = f"attacked-{secrets.token_hex(8)}"
    config = ConsumerConfig(
        durable_name=name, deliver_policy=DeliverPolicy.NEW, ack_policy=AckPolicy.EXPLICIT, ack_wait=5
    )
    await bus.jetstream().add_consumer(NOTIFICATION_STREAM, config=config)
    yield name
    await bus.jetstream().delete_consumer(NOTIFICATION_STREAM, name)
