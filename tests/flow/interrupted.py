"""The finalizing step with something happening in the midst of it."""

import contextlib

from app import database, object_store
from app.config import worker_settings
from app.database import Database
from app.flow.finalize_upload import finalize_upload
from app.flow.purge_objects import purge_due
from app.object_store import ObjectStore
from tests.story import lands_at


class Killed(BaseException):
    """A process that ends here: nothing may catch it."""


async def die():
    raise Killed


async def nothing():
    """As usual."""


class InterruptedStore(ObjectStore):
    """Storage as the worker sees it; a test says what happens between the calls."""

    def __init__(self, store):
        super().__init__(store._client)
        self.before_copy = self.after_copy = self.after_look = nothing

    async def copy(self, source, target, content_type):
        await self.before_copy()
        copied = await super().copy(source, target, content_type)
        await self.after_copy()
        return copied

    async def look(self, address, length):
        seen = await super().look(address, length)
        await self.after_look()
        return seen


class InterruptedDatabase(Database):
    """Something happens after the first statement: the row was read as pending, and may be it no longer."""

    def __init__(self, connected, after_first):
        super().__init__(connected._pool, connected._pulse, connected._patience)
        self._after_first = after_first

    async def one(self, sql, *arguments):
        row = await super().one(sql, *arguments)
        happening, self._after_first = self._after_first, nothing
        await happening()
        return row


class Finalizing:
    """The step as API and worker call it: `await finalize(asked)`."""

    def __init__(self, settings, connected_database, store):
        self._settings = settings
        self.database = connected_database
        self.store = store

    async def __call__(self, asked, store=None, *, database=None, scanner=None):
        return await finalize_upload(
            lands_at(asked),
            trigger="sweep",
            bucket_media=self._settings.storage.bucket_media,
            grace_seconds=self._settings.grace_seconds,
            database=database or self.database,
            object_store=store or self.store,
            scanner=scanner,
        )

    def interrupted(self):
        return InterruptedStore(self.store)

    def interrupted_database(self, after_first):
        return InterruptedDatabase(self.database, after_first)

    async def purge(self):
        await purge_due(database=self.database, object_store=self.store)


@contextlib.asynccontextmanager
async def finalizing(environment):
    settings = worker_settings(environment)
    async with (
        database.connect(settings.database_url) as connected_database,
        object_store.connect(settings.storage, settings.storage.worker) as store,
    ):
        yield Finalizing(settings, connected_database, store)
