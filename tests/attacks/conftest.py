"""What the attacks share beside the stack."""

import http.server
import json
import threading

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.attacks.serving import api_process, bus_of_one_s_own, database_of_one_s_own
from tests.story import client_of

ROOM = {"UPLOAD_RATE_PER_MINUTE": "0", "MAX_PENDING_UPLOADS": "0"}  # what is tried often here is not uploads


@pytest.fixture
async def administrator(stack):
    async with client_of(stack, stack.root) as client:
        yield client


@pytest.fixture(scope="session")
def attacked(stack):
    """Settings for an API that shares its database and its bus with nothing but other attacks of this process."""
    with bus_of_one_s_own() as nats_url:
        yield stack.environment("in place", database_of_one_s_own(stack)) | ROOM | {"NATS_URL": nats_url}


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
    """An API that no caller tires, for those who ask very much."""
    with api_process(attacked | {"REQUEST_RATE_PER_MINUTE": "0"}) as served:
        yield served
