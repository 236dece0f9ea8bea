"""What the attacks share beside the stack."""

import contextlib
import http.server
import json
import os
import threading

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.attacks.ground import open_ground, working
from tests.attacks.serving import api_process, bus_of_one_s_own, database_of_one_s_own
from tests.invoices.orders import SAMPLES

# Of the API whose socket is attacked. It hardly sees the difference: `make test` attacks one, `make attacks` the other.
SOCKET_MODE = os.environ.get("ATTACKED_MODE", "in place")
# What is tried often here is neither uploads nor storage.
ROOM = {"UPLOAD_RATE_PER_MINUTE": "0", "MAX_PENDING_UPLOADS": "0", "STORE_SELF_TEST": "off"}


@pytest.fixture(scope="session")
def attacked(stack):
    """Settings for an API that shares its database and its bus with nothing but other attacks of this process."""
    with bus_of_one_s_own() as nats_url:
        yield stack.environment(SOCKET_MODE, database_of_one_s_own(stack)) | ROOM | {"NATS_URL": nats_url}


@pytest.fixture(scope="session")
def served(attacked):
    """The API on a socket, for all attacks of this process. None of them leaves it worse than it was."""
    with api_process(attacked) as served:
        yield served


@pytest.fixture
async def site(served):
    """An HTTP client of it."""
    async with httpx.AsyncClient(base_url=served.url, trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
def signing_key():
    """Auth-service's private key."""
    return rsa.generate_private_key(65_537, 2048)


@pytest.fixture(scope="session")
def listener():
    """A web server that nobody should call but for its /jwks, and the paths that it was asked for."""
    asked, published = [], {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(published).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        server.asked, server.published = asked, published
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture(scope="session")
def served_with_published_keys(attacked, listener, signing_key):
    """An API whose keys are published, as those of most deployments are."""
    public = jwt.algorithms.RSAAlgorithm.to_jwk(signing_key.public_key(), as_dict=True)
    listener.published["keys"] = [public | {"kid": "current", "alg": "RS256", "use": "sig"}]
    environment = {name: value for name, value in attacked.items() if name != "JWT_SECRET"}
    with api_process(environment | {"JWT_JWKS_URL": f"{listener.url}/jwks"}) as served:
        yield served


@pytest.fixture(scope="session")
def served_for_ever(attacked):
    """An API that no caller tires, for those who ask very much. It makes invoices, too."""
    makes_invoices = {"INVOICE_ISSUER_FILE": str(SAMPLES / "issuer.json")}
    with api_process(attacked | makes_invoices | {"REQUEST_RATE_PER_MINUTE": "0"}) as served:
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _grounds(stack, bearer):
    """One service for each mode, started by the first case that needs it. It lives in the loop of the session."""
    opened = {}
    async with contextlib.AsyncExitStack() as open_grounds:

        async def ground_of(mode, *, at_work=False):
            if (mode, at_work) not in opened:
                ground = await open_grounds.enter_async_context(open_ground(stack, mode, bearer))
                if at_work:
                    await open_grounds.enter_async_context(working(ground))
                opened[mode, at_work] = ground
            return opened[mode, at_work]

        yield ground_of


@pytest_asyncio.fixture(loop_scope="session")
async def ground(_grounds, mode):
    """A running service that other cases attack too. Tests that ask for it run in the session's loop."""
    return await _grounds(mode)


@pytest_asyncio.fixture(loop_scope="session")
async def ground_at_work(_grounds, mode):
    """The same with a worker at work."""
    return await _grounds(mode, at_work=True)
