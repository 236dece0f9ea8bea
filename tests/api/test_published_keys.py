"""JWKS: what is kept of a published set, when it is fetched, and what becomes of tokens while nobody publishes one."""

import asyncio
import base64
import hmac
import http.server
import json
import threading
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.api.bearer_tokens import BearerTokens
from app.api.published_keys import PublishedKeys
from app.config import BearerKeys
from app.errors import KeysUnavailable, NotAuthenticated

RSA, WEAK = rsa.generate_private_key(65_537, 2048), rsa.generate_private_key(65_537, 1024)
EC, ED = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
TO_JWK = {"RSA": jwt.algorithms.RSAAlgorithm, "EC": jwt.algorithms.ECAlgorithm, "OKP": jwt.algorithms.OKPAlgorithm}


def published(kind, private, **more):
    return TO_JWK[kind].to_jwk(private.public_key(), as_dict=True) | more


GOOD = published("OKP", ED, kid="one", alg="EdDSA", use="sig")


class JwksServer:
    """Keys as an auth-service publishes them, and how often they were asked for."""

    def __init__(self):
        self.answer(keys=[GOOD])
        self.asked = 0

    def answer(self, body=None, status=200, headers=None, **published):
        self.status, self.headers = status, headers or {}
        self.body = json.dumps(published).encode() if body is None else body


@pytest.fixture
def jwks():
    server = JwksServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked += 1
            self.send_response(server.status)
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        serving = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        server.url = f"http://127.0.0.1:{listener.server_address[1]}/jwks"
        yield server
        listener.shutdown()
        serving.join()


class Clock:
    """A monotonic clock that the test turns."""

    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def found(jwks, clock):
    return PublishedKeys(jwks.url, clock).find


@pytest.fixture
def tokens(jwks):
    return BearerTokens(
        BearerKeys(secret=None, public_key=None, jwks_url=jwks.url, audience="media", issuer="auth")
    ).principal


def token(private=ED, algorithm="EdDSA", *, headers=None, **changes):
    now = int(time.time())
    claims = {"sub": str(uuid.uuid4()), "exp": now + 600, "aud": "media", "iss": "auth"} | changes
    return jwt.encode(claims, private, algorithm=algorithm, headers={"kid": "one"} if headers is None else headers)


async def test_a_published_key_checks_what_its_private_key_signed(tokens, jwks):
    for _ in range(3):
        await tokens(token())
    assert jwks.asked == 1


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: token(headers={"kid": "two"}), "not published"),
        (lambda: token(ed25519.Ed25519PrivateKey.generate()), "signature"),
        (lambda: token(RSA, "RS256"), "algorithm"),
        (lambda: hmac_token(public_bytes(Encoding.PEM)), "algorithm"),
        (lambda: hmac_token(public_bytes(Encoding.DER)), "algorithm"),
        (lambda: hmac_token(json.dumps(GOOD).encode()), "algorithm"),
    ],
    ids=["unknown-kid", "other-key", "other-algorithm", "hmac-pem", "hmac-der", "hmac-jwk"],
)
async def test_a_token_of_no_published_key_is_refused(tokens, made, says):
    with pytest.raises(NotAuthenticated, match=says):
        await tokens(made())


def hmac_token(key):
    """What a library that takes the algorithm from the token would check with the public key as a secret."""
    signed = ".".join([encoded({"alg": "HS256", "kid": "one"}), token().split(".")[1]])
    signature = hmac.digest(key, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def public_bytes(encoding):
    return ED.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "key",
    [
        published("OKP", ED, kid="bad", use="enc"),
        {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "bad", "alg": "HS256"},
        {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "bad", "alg": "RS256"},
        published("RSA", RSA, kid="bad", alg="none"),
        published("RSA", RSA, kid="bad", alg="HS256"),
        published("RSA", WEAK, kid="bad"),
        published("EC", ec.generate_private_key(ec.SECP384R1()), kid="bad", alg="ES256"),
        published("RSA", RSA, kid="bad", alg="RSA-OAEP"),
        published("RSA", RSA, kid="bad", alg=["RS256"]),
        {"kty": "RSA", "kid": "bad"},
        {"kty": {"a": 1}, "kid": "bad"},
        {"kty": "OKP", "crv": "Ed25519", "x": 5, "kid": "bad"},
        {"kid": "bad"},
    ],
    ids=lambda key: f"{key.get('kty')}-{key.get('alg')}-{key.get('use')}-{len(key)}",
)
async def test_a_key_that_checks_no_signatures_is_passed_over(found, jwks, key):
    jwks.answer(keys=[key, GOOD])
    assert await found("bad") is None
    assert (await found("one")).algorithms[0] == "EdDSA"


@pytest.mark.parametrize(
    ("kind", "private", "algorithm"), [("RSA", RSA, "RS256"), ("EC", EC, "ES256"), ("OKP", ED, "EdDSA")]
)
async def test_the_algorithm_comes_from_the_key(found, jwks, kind, private, algorithm):
    jwks.answer(keys=[published(kind, private, kid="k")])
    assert (await found("k")).algorithms[0] == algorithm


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
async def test_a_key_for_one_algorithm_checks_that_alone(tokens, jwks, algorithm):
    jwks.answer(keys=[published("RSA", RSA, kid="one", alg=algorithm)])
    await tokens(token(RSA, algorithm))
    with pytest.raises(NotAuthenticated, match=f"another one than its key checks, {algorithm}"):
        await tokens(token(RSA, "RS256"))


@pytest.mark.parametrize("headers", [{}, {"kid": ""}])
async def test_a_token_without_a_key_id_is_checked_with_the_only_key(tokens, jwks, headers):
    await tokens(token(headers=headers))
    with pytest.raises(NotAuthenticated, match="signature"):
        await tokens(token(ed25519.Ed25519PrivateKey.generate(), headers=headers))


async def test_a_token_without_a_key_id_is_refused_where_there_are_several(tokens, jwks):
    jwks.answer(keys=[GOOD, published("RSA", RSA, kid="two")])
    with pytest.raises(NotAuthenticated, match="does not say which key"):
        await tokens(token(headers={}))


async def test_a_key_without_an_id_is_found_where_it_is_the_only_one(tokens, jwks):
    nameless = {name: value for name, value in GOOD.items() if name != "kid"}
    jwks.answer(keys=[nameless])
    await tokens(token(headers={}))


@pytest.mark.parametrize("other", [{}, {"kid": "one"}], ids=["without", "the same"])
async def test_a_key_without_an_id_of_its_own_leaves_tokens_without_one_undecided(found, jwks, other):
    jwks.answer(keys=[published("RSA", RSA, **other), GOOD])
    assert await found(None) is None
    assert (await found("one")).algorithms == ("EdDSA",)


async def test_keys_without_ids_are_no_set(found, jwks):
    jwks.answer(keys=[published("RSA", RSA), published("OKP", ED)])
    with pytest.raises(KeysUnavailable):
        await found(None)


class TestAnotherKeyUnderTheSameId:
    """auth-service has put a new key in the place of the old one, under its id."""

    @pytest.fixture
    def tokens(self, jwks, clock):
        tokens = BearerTokens(
            BearerKeys(secret=None, public_key=None, jwks_url=jwks.url, audience="media", issuer="auth")
        )
        tokens._published = PublishedKeys(jwks.url, clock)
        return tokens.principal

    @pytest.mark.parametrize(("kind", "private", "algorithm"), [("OKP", None, "EdDSA"), ("RSA", RSA, "RS256")])
    async def test_its_first_token_is_taken(self, tokens, jwks, clock, kind, private, algorithm):
        await tokens(token())
        private = private or ed25519.Ed25519PrivateKey.generate()
        jwks.answer(keys=[published(kind, private, kid="one")])
        clock.now += 10
        await tokens(token(private, algorithm))
        assert jwks.asked == 2
        with pytest.raises(NotAuthenticated):
            await tokens(token())

    async def test_forged_signatures_cost_one_fetch_in_ten_seconds(self, tokens, jwks, clock):
        await tokens(token())
        for _ in range(30):
            with pytest.raises(NotAuthenticated, match="signature"):
                await tokens(token(ed25519.Ed25519PrivateKey.generate()))
            clock.now += 1
        assert jwks.asked == 3
        await tokens(token())


async def test_a_hundred_unknown_keys_at_once_cost_one_fetch(found, jwks):
    answers = await asyncio.gather(*(found(f"unknown-{number}") for number in range(100)))
    assert (answers, jwks.asked) == ([None] * 100, 1)


async def test_unknown_keys_cost_one_fetch_in_ten_seconds(found, jwks, clock):
    for _ in range(30):
        assert await found("unknown") is None
        clock.now += 1
    assert jwks.asked == 3


async def test_a_key_that_is_published_later_is_found(found, jwks, clock):
    assert await found("two") is None
    jwks.answer(keys=[GOOD, published("RSA", RSA, kid="two")])
    clock.now += 10
    assert (await found("two")).algorithms[0] == "RS256"


async def test_keys_are_refreshed_behind_the_back_of_a_caller(found, jwks, clock):
    await found("one")
    jwks.answer(keys=[published("RSA", RSA, kid="two")])
    clock.now += 301
    assert (await found("one")).algorithms[0] == "EdDSA"  # at once, from what is known
    assert await found("two") is not None  # joins the fetch that the call before it began
    assert await found("one") is None
    assert jwks.asked == 2


FAULTS = {
    "503": {"status": 503},
    "a redirect": {"status": 302, "headers": {"Location": "/jwks"}},
    "no JSON": {"body": b"<html>"},
    "no UTF-8": {"body": b'{"keys":["\xff"]}'},
    "no set": {"body": b"[]"},
    "no keys": {"keys": []},
    "no usable key": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "one"}]},
    "too much": {"body": b" " * 262_145},
    "nested too deep": {"body": b'{"keys":' + b"[" * 100_000},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_while_keys_are_fresh_a_broken_jwks_server_is_not_noticed(found, jwks, clock, fault):
    await found("one")
    jwks.answer(**FAULTS[fault])
    for _ in range(11):
        clock.now += 301
        assert (await found("one")).algorithms[0] == "EdDSA"
        await asyncio.sleep(0)
    clock.now += 301
    with pytest.raises(KeysUnavailable):
        await found("one")


@pytest.mark.parametrize("fault", FAULTS)
async def test_without_any_keys_a_broken_jwks_server_is_a_503(found, jwks, clock, fault):
    jwks.answer(**FAULTS[fault])
    with pytest.raises(KeysUnavailable):
        await found("one")
    with pytest.raises(KeysUnavailable):
        await found("one")
    assert jwks.asked == 1
    jwks.answer(keys=[GOOD])
    clock.now += 10
    assert await found("one") is not None


async def test_a_jwks_server_that_is_not_there_is_a_503():
    with pytest.raises(KeysUnavailable):
        await PublishedKeys("http://127.0.0.1:9/jwks").find("one")


class TestOverHttp:
    @pytest.fixture
    def environment(self, environment, jwks):
        kept = {name: value for name, value in environment.items() if name != "JWT_SECRET"}
        return kept | {"JWT_JWKS_URL": jwks.url, "JWT_ISSUER": "auth"}

    async def test_the_caller_is_told_to_come_again(self, api, jwks):
        jwks.answer(status=500)
        response = await api.get("/api/v1/media", headers={"Authorization": f"Bearer {token()}"})
        assert (response.status_code, response.json()["code"]) == (503, "keys_unavailable")
        assert response.headers["retry-after"] == "1"

    async def test_a_published_key_lets_its_caller_in(self, api):
        response = await api.get("/api/v1/media", headers={"Authorization": f"Bearer {token()}"})
        assert response.status_code == 200
