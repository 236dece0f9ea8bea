"""Parts of one's own for all tests of outages, which run in one process of pytest-xdist."""

import pytest

from tests.outages.parts import own_parts
from tests.outages.services import api_running, client_of_api, worker_running
from tests.story import bearers


def pytest_collection_modifyitems(items):
    for item in items:
        if "outages" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("outages"))


@pytest.fixture(scope="session")
def own():
    with own_parts() as parts:
        yield parts


@pytest.fixture
def stack(own):
    return own.stack


@pytest.fixture
def bearer(stack):
    return bearers(stack.secrets.jwt_secret)


@pytest.fixture
def environment(own):
    return own.environment()


@pytest.fixture
def served(environment):
    with api_running(environment) as service:
        yield service


@pytest.fixture
def at_work(environment):
    with worker_running(environment) as service:
        yield service


@pytest.fixture
async def site(served):
    async with client_of_api(served) as client:
        yield client
