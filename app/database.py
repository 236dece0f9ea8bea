"""PostgreSQL: a pool, named queries, notifications, migrations. Sole importer of asyncpg.

One statement is one round trip. Whatever keeps PostgreSQL from answering becomes DatabaseUnavailable.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import asyncpg
import structlog

from app.errors import DatabaseUnavailable
from app.media import MediaObject

_SQL: Final = Path(__file__).parent.parent / "sql"
_BLOCK: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_MIGRATION_LOCK: Final = 5_318_008  # any number that no other user of this database locks
_UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,  # another transaction goes first
)

log = structlog.get_logger()

Row = asyncpg.Record


@cache
def queries(step: str) -> Mapping[str, str]:
    """The named blocks of sql/queries/<step>.sql: `-- name: mark_ready`, a sentence, then SQL with $1."""
    parts = _BLOCK.split((_SQL / "queries" / f"{step}.sql").read_text())
    return MappingProxyType(dict(zip(parts[1::2], parts[2::2], strict=True)))


def media_object(row: Row) -> MediaObject:
    """The media object in a row that holds at least its columns."""
    return MediaObject(**{name: row[name] for name in MediaObject.__struct_fields__})


class Connection:
    """One connection inside a transaction: commits when the block ends, rolls back when it raises."""

    def __init__(self, connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> None:
        self._connection = connection

    async def all(self, sql: str, *arguments: object) -> Sequence[Row]:
        return await self._connection.fetch(sql, *arguments)


class Database:
    """A pool of connections. Statements are prepared once per connection."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def one(self, sql: str, *arguments: object) -> Row | None:
        """The first row, if there is one. Raises DatabaseUnavailable."""
        with _unreachable_is_unavailable():
            return await self._pool.fetchrow(sql, *arguments)

    async def all(self, sql: str, *arguments: object) -> Sequence[Row]:
        """All rows. Raises DatabaseUnavailable."""
        with _unreachable_is_unavailable():
            return await self._pool.fetch(sql, *arguments)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Several statements as one. Raises DatabaseUnavailable."""
        with _unreachable_is_unavailable():
            async with self._pool.acquire() as connection, connection.transaction():
                yield Connection(connection)


@contextlib.asynccontextmanager
async def connect(database_url: str, *, connections: int = 10) -> AsyncIterator[Database]:
    """A pool that opens connections when they are needed, so that it can be made before PostgreSQL is up."""
    pool = asyncpg.create_pool(
        database_url,
        min_size=0,
        max_size=connections,
        timeout=5,
        command_timeout=15,
        reset=_keep_session,
        server_settings={"application_name": "media-service", "jit": "off"},
    )
    async with pool:
        yield Database(pool)


async def _keep_session(_connection: object) -> None:
    """Spares the round trip that would reset a session in which no statement ever changes anything."""


@contextlib.contextmanager
def _unreachable_is_unavailable() -> Iterator[None]:
    try:
        yield
    except _UNREACHABLE as error:
        raise DatabaseUnavailable from error


async def listen(database_url: str, channel: str, heard: Callable[[str], None]) -> None:
    """Call `heard` with each payload of a channel, for ever; with "" after each (re)connect: all may have changed."""
    while True:
        try:
            connection = await asyncpg.connect(database_url, timeout=5)
        except _UNREACHABLE:
            log.warning("listener.disconnected", channel=channel)
            await asyncio.sleep(1)
            continue
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _, lost=lost: lost.set())
            await connection.add_listener(channel, lambda _connection, _pid, _channel, payload: heard(str(payload)))
            heard("")
            await lost.wait()
        finally:
            connection.terminate()


async def migrate(database_url: str) -> list[str]:
    """Apply the migrations that are not in yet, in order, one transaction each. Returns their names.

    Runs at once with others (advisory lock) and beside old code: a lock that it can't get in 5 s ends it.
    """
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
        await connection.execute("SET lock_timeout = '5s'")
        await connection.execute((_SQL / "migrations.sql").read_text())
        waiting = await _waiting(connection)
        for name in waiting:
            async with connection.transaction():
                await connection.execute((_SQL / "migrations" / f"{name}.sql").read_text())
                await connection.execute("INSERT INTO media.migrations (name) VALUES ($1)", name)
            log.info("migration.applied", name=name)
        return waiting
    finally:
        await connection.close()


async def missing_migrations(database_url: str) -> list[str]:
    """Names of the migrations that `migrate` would apply. Raises DatabaseUnavailable."""
    with _unreachable_is_unavailable():
        connection = await asyncpg.connect(database_url, timeout=5)
        try:
            return await _waiting(connection)
        finally:
            await connection.close()


async def _waiting(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    known = await connection.fetchval("SELECT to_regclass('media.migrations') IS NOT NULL")
    done = {row["name"] for row in await connection.fetch("SELECT name FROM media.migrations")} if known else set()
    return [path.stem for path in sorted((_SQL / "migrations").glob("*.sql")) if path.stem not in done]
