"""One `media run` per mode, and callers that know its addresses from stack.json and nothing of the app."""

import contextlib
from collections import defaultdict
from urllib.parse import urlsplit

import aiohttp
import httpx
import nats
import pytest
from miniopy_async.api import Minio

from tests.stories.announcements import Events, Notifications
from tests.stories.running import media_run
from tests.stories.secrecy import leaks
from tests.stories.verbs import KINDS, sample

_ROOM = {"MAX_FILE_SIZE_MB": "20", "UPLOAD_RATE_PER_MINUTE": "0", "LOG_LEVEL": "DEBUG"}  # all stories share one user


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("in place", marks=pytest.mark.xdist_group("stories-in-place")),
        pytest.param("quarantine", marks=pytest.mark.xdist_group("stories-quarantine")),
    ],
)
def mode(request):
    return request.param


@pytest.fixture(scope="session")
def running(mode):
    with media_run(mode, **_ROOM) as running:
        assert running.stack["mode"] == mode
        yield running
        assert leaks(running.data_dir, [*(sample(kind).name for kind in KINDS), "Asha Kulkarni"]) == []


@pytest.fixture
def stack(running):
    return running.stack


@pytest.fixture
async def callers(stack):
    """HTTP clients of the API: `callers["admin"]` sends that token of stack.json, `callers[None]` sends none."""
    async with contextlib.AsyncExitStack() as clients:
        made = defaultdict(
            dict, {name: {"Authorization": f"Bearer {token}"} for name, token in stack["tokens"].items()}
        )
        yield {
            name: await clients.enter_async_context(
                httpx.AsyncClient(base_url=stack["api_url"], headers=made[name], timeout=30, trust_env=False)
            )
            for name in (*stack["tokens"], None)
        }


@pytest.fixture
def user(callers):
    return callers["user"]


@pytest.fixture
def service(callers):
    return callers["service"]


@pytest.fixture
def anyone(callers):
    """Who has no bearer token: a browser that follows a link, or sends bytes to storage."""
    return callers[None]


@pytest.fixture
async def bus(stack):
    client = await nats.connect(stack["nats_url"])
    yield client
    await client.close()


@pytest.fixture
async def events(bus):
    return await Events.begin(bus)


@pytest.fixture
async def notifications(bus):
    return await Notifications.begin(bus)


@pytest.fixture
async def root(stack):
    """Storage as its administrator sees it."""
    identity = stack["minio_root"]
    async with aiohttp.ClientSession() as session:
        yield Minio(
            urlsplit(stack["minio_url"]).netloc,
            identity["access_key"],
            identity["secret_key"],
            secure=False,
            region="us-east-1",
            session=session,
        )
