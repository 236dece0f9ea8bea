"""Every endpoint but health, docs and public files asks for a bearer token, and every check has its words."""

import http.server
import json
import threading
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from app.api.auth import BearerTokens, DownloadTokens
from app.config import BearerKeys
from app.errors import NotAuthenticated
from tests.api.test_upload_requests import problem

SECRET = "a secret of the tests that is long enough for every hash, SHA-512 too"
MEDIA = f"/api/v1/media/{uuid.UUID(int=0)}"


def claims(**changes):
    now = int(time.time())
    made = {"sub": str(uuid.uuid4()), "iat": now, "exp": now + 3_600, "aud": "media", "iss": "auth"} | changes
    return {name: value for name, value in made.items() if value is not None}


def keys(**given):
    return BearerKeys(
        **({"secret": None, "public_key": None, "jwks_url": None} | given), audience="media", issuer="auth"
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/media/upload"),
        ("GET", "/api/v1/media"),
        ("GET", MEDIA),
        ("DELETE", MEDIA),
        ("POST", f"{MEDIA}/complete"),
        ("GET", f"{MEDIA}/download"),
        ("GET", f"/files/{uuid.UUID(int=0)}"),
        ("GET", f"/files/{uuid.UUID(int=0)}/download"),
    ],
)
async def test_no_token_is_a_401_that_asks_for_one(api, method, path):
    response = await api.request(method, path)
    assert problem(response) == (401, "not_authenticated")
    assert response.headers["www-authenticate"] == "Bearer"


REFUSED = [
    (jwt.encode(claims(exp=1), SECRET), "expired"),
    (jwt.encode(claims(exp=None), SECRET), "claim is missing"),
    (jwt.encode(claims(sub=None), SECRET), "claim is missing"),
    (jwt.encode(claims(sub="root"), SECRET), "not a UUID"),
    (jwt.encode(claims(sub=1), SECRET), "not a UUID"),
    (jwt.encode(claims(aud="billing"), SECRET), "audience"),
    (jwt.encode(claims(iss="me"), SECRET), "issuer"),
    (jwt.encode(claims(nbf=int(time.time()) + 900), SECRET), "not valid yet"),
    (jwt.encode(claims(iat=int(time.time()) + 900), SECRET), "not valid yet"),
    (jwt.encode(claims(roles="admin"), SECRET), "roles"),
    (jwt.encode(claims(), SECRET[::-1]), "signature"),
    (jwt.encode(claims(), SECRET, algorithm="HS512"), "algorithm"),
    (jwt.encode(claims(), None, algorithm="none"), "algorithm"),
    ("a.b.c", "no token of this service"),
    ("", "no token of this service"),
    ("é" * 20, "no token of this service"),
    ("x" * 9_000, "too long"),
]


# The tokens differ between processes, and a test must have the same name in each.
@pytest.mark.parametrize(("token", "says"), REFUSED, ids=[f"{n}-{says}" for n, (_, says) in enumerate(REFUSED)])
async def test_a_token_that_fails_a_check_is_told_which(token, says):
    with pytest.raises(NotAuthenticated, match=says):
        await BearerTokens(keys(secret=SECRET)).principal(token)


@pytest.mark.parametrize(
    ("algorithm", "private"),
    [
        ("RS256", rsa.generate_private_key(65_537, 2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
)
async def test_a_public_key_checks_what_its_private_key_signed(algorithm, private):
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    tokens = BearerTokens(keys(public_key=public))
    principal = await tokens.principal(jwt.encode(claims(roles=["admin"], scope="a b"), pem, algorithm=algorithm))
    assert principal.is_admin
    assert principal.scopes == {"a", "b"}
    with pytest.raises(NotAuthenticated):
        await tokens.principal(jwt.encode(claims(), SECRET, algorithm="HS256"))


async def test_a_download_token_is_good_for_its_object_alone():
    tokens = DownloadTokens(SECRET, 60)
    media_id = uuid.uuid4()
    tokens.check(tokens.issue(media_id), media_id)
    with pytest.raises(NotAuthenticated, match="another media object"):
        tokens.check(tokens.issue(media_id), uuid.uuid4())
    with pytest.raises(NotAuthenticated, match="expired"):
        tokens.check(DownloadTokens(SECRET, -60).issue(media_id), media_id)
    with pytest.raises(NotAuthenticated):
        tokens.check(jwt.encode(claims(sub=str(media_id)), SECRET), media_id)


async def test_a_download_token_is_no_bearer_token():
    with pytest.raises(NotAuthenticated):
        await BearerTokens(keys(secret=SECRET)).principal(DownloadTokens(SECRET, 60).issue(uuid.uuid4()))


@pytest.fixture
def published():
    """Keys as an auth-service publishes them: a JWKS over HTTP, and how often it was asked for."""
    private = ed25519.Ed25519PrivateKey.generate()
    key = jwt.algorithms.OKPAlgorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": "one", "alg": "EdDSA"}
    asked = []

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": [key]}).encode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Keys) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield private, f"http://127.0.0.1:{server.server_address[1]}/jwks", asked
        server.shutdown()
        serving.join()


async def test_a_published_key_checks_what_its_private_key_signed(published):
    private, url, asked = published
    tokens = BearerTokens(keys(jwks_url=url))
    for _ in range(3):
        await tokens.principal(jwt.encode(claims(), private, algorithm="EdDSA", headers={"kid": "one"}))
    assert len(asked) == 1


async def test_a_key_that_is_not_published_is_refused(published):
    private, url, _ = published
    tokens = BearerTokens(keys(jwks_url=url))
    with pytest.raises(NotAuthenticated):
        await tokens.principal(jwt.encode(claims(), private, algorithm="EdDSA", headers={"kid": "two"}))
    with pytest.raises(NotAuthenticated):
        await tokens.principal(jwt.encode(claims(), SECRET, algorithm="HS256", headers={"kid": "one"}))
