"""Fixtures over real parts. Tests that ask for `mode` run in both."""

import asyncio
import contextlib
import secrets

import asyncpg
import httpx
import nats
import pytest
import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from app import object_store
from app.api.app import create_app
from app.config import api_settings, worker_settings
from app.events import NOTIFICATION_STREAM
from app.worker import open_worker
from tests.edge import running_edge
from tests.not_run import pytest_terminal_summary  # noqa: F401  a hook
from tests.own_nats import running_nats
from tests.stack import MODES, TEMPLATE, announced_stack, database_named, running_stack
from tests.story import bearers, client_of

_running = contextlib.ExitStack()
_failures = []


def _remember_failures(_logger, method, entry):
    if method == "error":
        _failures.append(entry)
    return entry


def pytest_configure(config):
    structlog.configure(
        processors=[_remember_failures, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.ReturnLoggerFactory(),
    )
    if not hasattr(config, "workerinput") and not config.option.collectonly and not config.option.help:
        _running.enter_context(running_stack())


def pytest_unconfigure(config):
    _running.close()


@pytest.fixture(autouse=True)
def failures():
    """A bug that only the log tells of fails the test. One that provokes it on purpose clears the list."""
    _failures.clear()
    yield _failures
    assert not _failures


@pytest.fixture(scope="session")
def stack():
    return announced_stack()


@pytest.fixture(scope="session")
def edge(stack):
    """Where clients reach storage through HAProxy, and its log."""
    with running_edge(stack.minio_endpoint) as running:
        yield running


@pytest.fixture(scope="module")
def own_nats(stack):
    """URL of a NATS that nothing but the tests of one module speaks to: every API of a bus answers its requests."""
    with running_nats(stack.secrets) as url:
        yield url


@pytest.fixture(params=list(MODES))
def mode(request):
    return request.param


@pytest.fixture
async def database_url(stack):
    """A migrated database of this test's own. It goes with the server: dropping it would wait for a checkpoint."""
    name = f"test_{secrets.token_hex(8)}"
    connection = await asyncpg.connect(stack.database_url)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY wal_log")
    await connection.close()
    return database_named(stack.database_url, name)


@pytest.fixture
async def rows(database_url):
    """A connection to look at the rows with, as no client could."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def environment(stack, mode, database_url):
    """The settings of this test's API and worker. A test may change them before it asks for `api` or `worker`."""
    return stack.environment(mode, database_url)


@pytest.fixture
async def api(environment):
    """The API in this event loop, without a socket."""
    app = create_app(api_settings(environment))
    async with living(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://media.test") as client:
            client.app = app
            yield client


@contextlib.asynccontextmanager
async def living(app):
    """The app's lifespan in a task of its own: it must end in the task that began it, and a fixture's end does not."""
    started, done = asyncio.Event(), asyncio.Event()

    async def live():
        async with app.lifespan():
            started.set()
            await done.wait()

    life = asyncio.create_task(live())
    await asyncio.wait([life, asyncio.create_task(started.wait())], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield
    finally:
        done.set()
        await life


@pytest.fixture
async def storage():
    """A client that speaks to storage as browsers do: nothing but HTTP."""
    async with httpx.AsyncClient(timeout=30) as client:  # a PUT takes 5 s while NATS is silent: decision 0019
        yield client


@pytest.fixture
async def root(stack, environment):
    """Storage as its administrator sees it."""
    settings = worker_settings(environment)
    async with object_store.connect(settings.storage, stack.root) as store:
        yield store


@pytest.fixture
async def administrator(stack):
    """All of S3, as its administrator can use it."""
    async with client_of(stack, stack.root) as client:
        yield client


@pytest.fixture
async def bus(stack):
    client = await nats.connect(stack.nats_url)
    yield client
    await client.close()


@pytest.fixture
async def durable(bus):
    """A consumer of bucket notifications of this test's own, from now on."""
    name = f"test-{secrets.token_hex(8)}"
    stream = bus.jetstream()
    await stream.add_consumer(
        NOTIFICATION_STREAM,
        config=ConsumerConfig(
            durable_name=name, deliver_policy=DeliverPolicy.NEW, ack_policy=AckPolicy.EXPLICIT, ack_wait=5
        ),
    )
    yield name
    await stream.delete_consumer(NOTIFICATION_STREAM, name)


@pytest.fixture
async def idle_worker(environment, durable):
    """A worker that does what it is told, one call at a time."""
    async with open_worker(worker_settings(environment), durable=durable, invoice_durable=durable) as opened:
        yield opened


@pytest.fixture
async def worker(idle_worker):
    """A worker at work."""
    work = asyncio.create_task(idle_worker.run())
    yield idle_worker
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


@pytest.fixture
async def events(bus):
    """What is announced from now on."""
    return await Announcements.begin(bus)


class Announcements:
    """Reads stream MEDIA as any service would, through a consumer of its own."""

    def __init__(self, subscription):
        self._subscription = subscription
        self._seen = []

    @classmethod
    async def begin(cls, bus):
        return cls(await bus.jetstream().subscribe("media.*", ordered_consumer=True, deliver_policy=DeliverPolicy.NEW))

    async def next(self, media_id, patience=10):
        """The next message about this object."""
        for index, message in enumerate(self._seen):
            if media_id in message.data.decode():
                return self._seen.pop(index)
        async with asyncio.timeout(patience):
            while True:
                message = await self._subscription.next_msg(timeout=patience)
                if media_id in message.data.decode():
                    return message
                self._seen.append(message)

    async def none_more(self, media_id, seconds=0.3):
        """That nothing more is said of this object."""
        with contextlib.suppress(TimeoutError):
            message = await self.next(media_id, seconds)
            pytest.fail(f"announced once more: {message.data!r}")


@pytest.fixture(scope="session")
def bearer(stack):
    """Headers of a caller: `bearer()` is someone new, `bearer(user)` that user, `bearer(roles=["admin"])` an admin."""
    return bearers(stack.secrets.jwt_secret)


@pytest.fixture
def user(bearer):
    """Headers of this test's user."""
    return bearer()
