"""PostgreSQL: a pool, named queries. Importer of asyncpg, with database_pulse.py, which knows if it is up.

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
