"""Every endpoint but health, docs and public files asks for a bearer token, and every check has its words."""

import json
import time
import uuid

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from app.access import LinkHolder
from app.api.bearer_tokens import BearerTokens
from app.api.download_tokens import DownloadTokens
from app.config import BearerKeys
from app.errors import Misconfigured, NotAuthenticated
from tests.api.test_upload_requests import problem

RSA = rsa.generate_private_key(65_537, 2048)
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


def jws(payload):
    """Signed, whatever it is: PyJWT would not put it into a token."""
    return jwt.api_jws.encode(json.dumps(payload).encode(), SECRET, algorithm="HS256")


REFUSED = [
    (jwt.encode(claims(exp=1), SECRET), "expired"),
    (jwt.encode(claims(exp=None), SECRET), "claim is missing"),
    (jwt.encode(claims(sub=None), SECRET), "claim is missing"),
    (jwt.encode(claims(sub="root"), SECRET), "not a UUID"),
    (jwt.encode(claims(sub=1), SECRET), "not a UUID"),
    (jwt.encode(claims(aud="billing"), SECRET), "audience"),
    (jwt.encode(claims(iss="me"), SECRET), "issuer"),
    (jwt.encode(claims(nbf=4_000_000_000), SECRET), "not valid yet"),
    (jwt.encode(claims(iat=4_000_000_000), SECRET), "not valid yet"),
    (jwt.encode(claims(roles="admin"), SECRET), "roles"),
    (jwt.encode(claims(exp="9999999999"), SECRET), "exp is not"),
    (jwt.encode(claims(exp=1.5), SECRET), "expired"),
    (jwt.encode(claims(iat=4_000_000_000.5), SECRET), "not valid yet"),
    (jws(claims() | {"exp": None}), "claim is missing"),
    (jws(claims() | {"sub": None}), "claim is missing"),
    (jwt.encode(claims(exp=1e300), SECRET), "exp is not"),
    (jwt.encode(claims(exp=-0.5), SECRET), "exp is not"),
    (jwt.encode(claims(exp=10**30), SECRET), "exp is not"),
    (jwt.encode(claims(exp=-1), SECRET), "exp is not"),
    (jwt.encode(claims(exp=float("nan")), SECRET), "exp is not"),
    (jwt.encode(claims(exp=float("inf")), SECRET), "exp is not"),
    (jwt.encode(claims(exp=True), SECRET), "exp is not"),
    (jwt.encode(claims(nbf="1"), SECRET), "nbf is not"),
    (jwt.encode(claims(iat=[1]), SECRET), "iat is not"),
    (jwt.encode(claims(aud=["billing", "tickets"]), SECRET), "audience"),
    (jwt.encode(claims(aud={"media": 1}), SECRET), "audience"),
    (jws({**claims(), "iss": ["auth"]}), "issuer"),
    (jws([claims()]), "no token of this service"),
    (jws(jwt.encode(claims(), SECRET)), "no token of this service"),
    (jwt.encode(claims(), SECRET, headers={"crit": ["exp"]}), "no token of this service"),
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
        *((algorithm, RSA) for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("ES384", ec.generate_private_key(ec.SECP384R1())),
        ("ES512", ec.generate_private_key(ec.SECP521R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
        ("EdDSA", ed448.Ed448PrivateKey.generate()),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_a_public_key_checks_what_its_private_key_signed(algorithm, private):
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    tokens = BearerTokens(keys(public_key=public))
    principal = await tokens.principal(jwt.encode(claims(roles=["admin"], scope="a b"), pem, algorithm=algorithm))
    assert principal.is_admin
    assert principal.scopes == {"a", "b"}
    with pytest.raises(NotAuthenticated, match=f"than its key checks, .*{algorithm}"):
        await tokens.principal(jwt.encode(claims(), SECRET, algorithm="HS256"))


@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.SECP224R1()], ids=lambda curve: curve.name)
def test_a_key_that_no_token_is_signed_with_is_told_at_the_start(curve):
    public = ec.generate_private_key(curve).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(Misconfigured, match="JWT_PUBLIC_KEY is a key of a kind"):
        BearerTokens(keys(public_key=pem))


def test_a_key_that_is_too_short_is_told_at_the_start():
    public = rsa.generate_private_key(65_537, 1024).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(Misconfigured, match="fewer than 2048 bits"):
        BearerTokens(keys(public_key=pem))


NOW = int(time.time())
TAKEN = {
    "times with fractions": {"exp": NOW + 3_600.75, "iat": NOW - 0.25, "nbf": NOW - 0.5},
    "no iat": {"iat": None},
    "null for what may be absent": dict.fromkeys(("iat", "nbf", "jti", "roles", "scope", "contexts"), None),
    "several audiences": {"aud": ["billing", "media"]},
}


@pytest.mark.parametrize("changes", TAKEN.values(), ids=TAKEN)
async def test_a_token_as_rfc_7519_allows_it_is_taken(changes):
    principal = await BearerTokens(keys(secret=SECRET)).principal(jws(claims() | changes))
    assert (principal.roles, principal.scopes, principal.contexts) == (frozenset(), frozenset(), frozenset())


async def test_the_leeway_is_what_the_settings_say():
    late, early = jws(claims(exp=int(time.time()) - 60)), jws(claims(nbf=int(time.time()) + 60))
    patient = BearerTokens(msgspec.structs.replace(keys(secret=SECRET), leeway_seconds=120))
    for token, says in ((late, "expired"), (early, "not valid yet")):
        await patient.principal(token)
        with pytest.raises(NotAuthenticated, match=says):
            await BearerTokens(keys(secret=SECRET)).principal(token)


async def test_the_header_of_a_token_comes_once(api, bearer):
    sent = [("Authorization", bearer()["Authorization"]), ("Authorization", bearer()["Authorization"])]
    response = await api.get("/api/v1/media", headers=sent)
    assert problem(response) == (401, "not_authenticated")
    assert "several" in response.json()["detail"]


async def test_a_download_token_is_good_for_its_object_alone():
    tokens = DownloadTokens((SECRET,), 60)
    media_id = uuid.uuid4()
    assert tokens.check(tokens.issue(media_id, 3), media_id) == LinkHolder(media_id, 3)
    with pytest.raises(NotAuthenticated, match="another media object"):
        tokens.check(tokens.issue(media_id, 0), uuid.uuid4())
    with pytest.raises(NotAuthenticated, match="expired"):
        tokens.check(DownloadTokens((SECRET,), -60).issue(media_id, 0), media_id)


async def test_a_bearer_token_is_no_download_token_even_under_the_same_key():
    media_id = uuid.uuid4()
    with pytest.raises(NotAuthenticated, match="audience"):
        DownloadTokens((SECRET,), 60).check(jwt.encode(claims(sub=str(media_id), epoch=0), SECRET), media_id)


async def test_a_download_token_is_no_bearer_token_even_under_the_same_key():
    with pytest.raises(NotAuthenticated):
        await BearerTokens(keys(secret=SECRET)).principal(DownloadTokens((SECRET,), 60).issue(uuid.uuid4(), 0))


async def test_a_download_token_of_the_key_before_is_accepted_and_of_an_older_one_not():
    oldest, previous, current = ("oldest" * 8, "previous" * 8, "current" * 8)
    tokens, media_id = DownloadTokens((current, previous), 60), uuid.uuid4()
    for key in (current, previous):
        assert tokens.check(DownloadTokens((key,), 60).issue(media_id, 1), media_id) == LinkHolder(media_id, 1)
    with pytest.raises(NotAuthenticated, match="signature"):
        tokens.check(DownloadTokens((oldest,), 60).issue(media_id, 1), media_id)
    with pytest.raises(NotAuthenticated, match="expired"):
        tokens.check(DownloadTokens((previous,), -60).issue(media_id, 1), media_id)


async def test_new_download_tokens_are_signed_with_the_current_key():
    media_id = uuid.uuid4()
    issued = DownloadTokens(("current" * 8, "previous" * 8), 60).issue(media_id, 0)
    DownloadTokens(("current" * 8,), 60).check(issued, media_id)
