"""PostgreSQL: a pool, named queries, migrations. Importer of asyncpg, with database_pulse.py, which knows if it is up.

One statement is one round trip. Whatever keeps PostgreSQL from answering becomes DatabaseUnavailable.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar

import asyncpg
import msgspec
import structlog

from app.database_pulse import UNREACHABLE, Pulse
from app.errors import DatabaseUnavailable
from app.media import MediaObject

_SQL: Final = Path(__file__).parent.parent / "sql"
_BLOCK: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_MIGRATION_LOCK: Final = 5_318_008  # any number that no other user of this database locks
_MIGRATION_TRIES: Final = 15
_MIGRATION_PAUSE_SECONDS: Final = 1.0
_MIGRATION_LOCK_POLL_SECONDS: Final = 0.1
_GOODBYE_SECONDS: Final = 2.0
_MARGIN_SECONDS: Final = 0.5  # PostgreSQL ends a statement itself, and is given this long to say so
_NOT_MIGRATED: Final = (
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
)
# It answered, and nothing was done: too slow, in the way of another transaction, or older than this code.
_NOTHING_DONE: Final = (
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    *_NOT_MIGRATED,
)

log = structlog.get_logger()

Row = asyncpg.Record
Pooled: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
T = TypeVar("T")


@cache
def queries(step: str) -> Mapping[str, str]:
    """The named blocks of sql/queries/<step>.sql: `-- name: mark_ready`, a sentence, then SQL with $1."""
    parts = _BLOCK.split((_SQL / "queries" / f"{step}.sql").read_text())
    return MappingProxyType(dict(zip(parts[1::2], parts[2::2], strict=True)))


def media_object(row: Row) -> MediaObject:
    """The media object in a row that holds at least its columns."""
    return MediaObject(**{name: row[name] for name in MediaObject.__struct_fields__})


class Patience(msgspec.Struct, frozen=True):
    """How long to wait for a connection, how long for a statement, and how many may wait for a connection at once."""

    connection_seconds: float
    statement_seconds: float
    most_waiting: int


WORKING: Final = Patience(connection_seconds=5, statement_seconds=15, most_waiting=1_000)
ANSWERING: Final = Patience(connection_seconds=1, statement_seconds=3, most_waiting=500)  # someone waits for the answer


class Connection:
    """One connection inside a transaction: commits when the block ends, rolls back when it raises."""

    def __init__(self, database: "Database", pooled: Pooled) -> None:
        self._database = database
        self._pooled = pooled

    async def all(self, sql: str, *arguments: object) -> Sequence[Row]:
        """All rows. Raises DatabaseUnavailable."""
        return await self._database.asked(self._pooled, lambda: self._pooled.fetch(sql, *arguments))


class Database:
    """A pool of connections. Statements are prepared once per connection.

    Whoever asks while PostgreSQL is known to be away, or while too many wait already, is told so at once.
    """

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", pulse: Pulse, patience: Patience) -> None:
        self._pool = pool
        self._pulse = pulse
        self._patience = patience
        self._waiting = 0

    async def one(self, sql: str, *arguments: object) -> Row | None:
        """The first row, if there is one. Raises DatabaseUnavailable."""
        async with self._connection() as pooled:
            return await self.asked(pooled, lambda: pooled.fetchrow(sql, *arguments))

    async def all(self, sql: str, *arguments: object) -> Sequence[Row]:
        """All rows. Raises DatabaseUnavailable."""
        async with self._connection() as pooled:
            return await self.asked(pooled, lambda: pooled.fetch(sql, *arguments))

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Several statements as one. Raises DatabaseUnavailable."""
        async with self._connection() as pooled:
            await self.asked(pooled, lambda: pooled.execute("BEGIN"))
            try:
                yield Connection(self, pooled)
            except BaseException as error:
                await self._roll_back(pooled, error)
                raise
            await self.asked(pooled, lambda: pooled.execute("COMMIT"))

    def hear(self, channel: str, heard: Callable[[str], None]) -> None:
        """Call `heard` with each payload of a channel; with "" after each (re)connect: all may have changed."""
        self._pulse.hear(channel, heard)

    async def asked(self, pooled: Pooled, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to a statement. A connection that gives none is given up: nobody waits for it any more."""
        try:
            async with self._pulse.patience(self._patience.statement_seconds + _MARGIN_SECONDS):
                answer = await ask()
        except _NOTHING_DONE as error:
            _say_if_not_migrated(error)
            raise DatabaseUnavailable from error
        except UNREACHABLE as error:
            _give_up(pooled)
            self._pulse.doubt()
            raise DatabaseUnavailable(outcome_is_unknown=True) from error
        except asyncio.CancelledError:
            _give_up(pooled)
            raise
        self._pulse.answered()
        return answer

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Pooled]:
        pooled = await self._taken()
        try:
            yield pooled
        finally:
            await self._pool.release(pooled)

    async def _taken(self) -> Pooled:
        if self._pulse.is_away or self._waiting >= self._patience.most_waiting:
            raise DatabaseUnavailable
        self._waiting += 1
        try:
            async with self._pulse.patience(self._patience.connection_seconds):
                return await self._pool.acquire()
        except UNREACHABLE as error:
            self._pulse.doubt()
            raise DatabaseUnavailable from error
        finally:
            self._waiting -= 1

    async def _roll_back(self, pooled: Pooled, error: BaseException) -> None:
        if not isinstance(error, Exception):
            _give_up(pooled)  # which rolls back, and waits for nothing
            return
        with contextlib.suppress(DatabaseUnavailable):  # given up: PostgreSQL rolls back by itself
            await self.asked(pooled, lambda: pooled.execute("ROLLBACK"))


@contextlib.asynccontextmanager
async def connect(database_url: str, *, connections: int = 10, patience: Patience = WORKING) -> AsyncIterator[Database]:
    """A pool that opens connections when they are needed, so that it can be made before PostgreSQL is up."""
    pool = asyncpg.create_pool(
        database_url,
        min_size=0,
        max_size=connections,
        timeout=patience.connection_seconds,
        reset=_keep_session,
        server_settings={
            "application_name": "media-service",
            "jit": "off",
            "statement_timeout": f"{patience.statement_seconds:g}s",
            # A worker that is gone without a word must not hold what it had locked.
            "idle_in_transaction_session_timeout": "60s",
        },
    )
    await pool
    pulse = Pulse(database_url)
    beating = asyncio.create_task(pulse.run(pool.expire_connections))
    try:
        yield Database(pool, pulse, patience)
    finally:
        beating.cancel()
        await asyncio.wait([beating])
        await _close(pool)


async def _close(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Goodbyes to PostgreSQL, which may not hear them."""
    try:
        async with asyncio.timeout(_GOODBYE_SECONDS):
            await pool.close()
    except UNREACHABLE:
        pool.terminate()


def _give_up(pooled: Pooled) -> None:
    with contextlib.suppress(asyncpg.InterfaceError):  # given up before
        pooled.terminate()


async def _keep_session(_connection: object) -> None:
    """Spares the round trip that would reset a session in which no statement ever changes anything."""


def _say_if_not_migrated(error: Exception) -> None:
    if isinstance(error, _NOT_MIGRATED):
        log.warning("database.not_migrated", advice="run: media migrate", reason=str(error))


async def migrate(database_url: str) -> list[str]:
    """Apply the migrations that are not in yet, in order. Returns their names.

    Runs at once with others (advisory lock) and beside old code: a lock that it can't get in a second lets all who
    queue behind it go first, and is tried again, for half a minute or so. Each is one transaction, except those whose
    first line begins with `-- outside a transaction`.
    """
    connection = await asyncpg.connect(database_url)
    try:
        await _lock_out_others(connection)
        await connection.execute("SET lock_timeout = '5s'")
        await connection.execute((_SQL / "migrations.sql").read_text())
        waiting = await _waiting(connection)
        for name in waiting:
            await _apply_when_possible(connection, name)
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


async def _apply_when_possible(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    for _ in range(_MIGRATION_TRIES - 1):
        try:
            return await _apply(connection, name)
        except asyncpg.LockNotAvailableError:
            log.warning("migration.waiting", name=name, reason="another transaction holds a lock that it needs")
            await asyncio.sleep(_MIGRATION_PAUSE_SECONDS)
    return await _apply(connection, name)


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    sql = (_SQL / "migrations" / f"{name}.sql").read_text()
    record = "INSERT INTO media.migrations (name) VALUES ($1)"
    if not sql.startswith("-- outside a transaction"):
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '1s'")  # whoever comes later queues behind it
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
    try:
        connection = await asyncpg.connect(database_url, timeout=5, command_timeout=5)
        try:
            return await _waiting(connection)
        finally:
            connection.terminate()
    except UNREACHABLE as error:
        raise DatabaseUnavailable from error


async def _waiting(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    known = await connection.fetchval("SELECT to_regclass('media.migrations') IS NOT NULL")
    done = {row["name"] for row in await connection.fetch("SELECT name FROM media.migrations")} if known else set()
    return [path.stem for path in sorted((_SQL / "migrations").glob("*.sql")) if path.stem not in done]
