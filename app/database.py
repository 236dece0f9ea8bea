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
_MIGRATION_LOCK_POLL_SECONDS: Final = 0.1
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
    """Apply the migrations that are not in yet, in order. Returns their names.

    Runs at once with others (advisory lock) and beside old code: a lock that it can't get in 5 s ends it. Each is one
    transaction, except those whose first line begins with `-- outside a transaction`.
    """
    connection = await asyncpg.connect(database_url)
    try:
        await _lock_out_others(connection)
        await connection.execute("SET lock_timeout = '5s'")
        await connection.execute((_SQL / "migrations.sql").read_text())
        waiting = await _waiting(connection)
        for name in waiting:
            await _apply(connection, name)
            log.info("migration.applied", name=name)
        return waiting
    finally:
        await connection.close()


async def _lock_out_others(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """By asking again: a statement that waits holds a snapshot, which an index built CONCURRENTLY would wait for."""
    while not await connection.fetchval(  # noqa: ASYNC110  PostgreSQL does not tell
        "SELECT pg_try_advisory_lock($1)", _MIGRATION_LOCK
    ):
        await asyncio.sleep(_MIGRATION_LOCK_POLL_SECONDS)


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    sql = (_SQL / "migrations" / f"{name}.sql").read_text()
    record = "INSERT INTO media.migrations (name) VALUES ($1)"
    if not sql.startswith("-- outside a transaction"):
        async with connection.transaction():
            await connection.execute(sql)
            await connection.execute(record, name)
        return
    await _drop_unfinished_indexes(connection, sql)
    for statement in sql.split(";\n"):  # each on its own, as several at once would be a transaction
        if statement.strip():
            await connection.execute(statement)
    await connection.execute(record, name)


async def _drop_unfinished_indexes(connection: "asyncpg.Connection[asyncpg.Record]", sql: str) -> None:
    """Indexes of this migration whose building was broken off: IF NOT EXISTS would take them for done."""
    unfinished = await connection.fetch(
        "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid"
        " WHERE NOT indisvalid AND relnamespace = 'media'::regnamespace"
    )
    for index in unfinished:
        if re.search(rf"\b{re.escape(index['relname'])}\b", sql):
            await connection.execute(f"DROP INDEX CONCURRENTLY media.{index['relname']}")


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
