"""The schema: its migrations, applied in order while older code runs. Importer of asyncpg, with database.py."""

import asyncio
import re
from pathlib import Path
from typing import Final

import asyncpg
import structlog

from app.database_pulse import UNREACHABLE
from app.errors import DatabaseUnavailable

_SQL: Final = Path(__file__).parent.parent / "sql"
_LOCK: Final = 5_318_008  # any number that no other user of this database locks
_TRIES: Final = 15
_PAUSE_SECONDS: Final = 1.0
_LOCK_POLL_SECONDS: Final = 0.1
# Up to a semicolon that ends a line, but not one in the body of a function.
_STATEMENT: Final = re.compile(r"(?:\$\$.*?\$\$|.)+?(?:;\n|\Z)", re.DOTALL)

log = structlog.get_logger()


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
        "SELECT pg_try_advisory_lock($1)", _LOCK
    ):
        await asyncio.sleep(_LOCK_POLL_SECONDS)


async def _apply_when_possible(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    for _ in range(_TRIES - 1):
        try:
            return await _apply(connection, name)
        except asyncpg.LockNotAvailableError:
            log.warning("migration.waiting", name=name, reason="another transaction holds a lock that it needs")
            await asyncio.sleep(_PAUSE_SECONDS)
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
    for statement in statements(sql):  # each on its own, as several at once would be a transaction
        await connection.execute(statement)
    await connection.execute(record, name)


def statements(sql: str) -> list[str]:
    """Those of a migration that is no transaction, in order."""
    return [statement for statement in _STATEMENT.findall(sql) if statement.strip()]


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
