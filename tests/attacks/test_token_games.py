"""Whoever forges, borrows or bends a token gets a 401 that says which check failed, and nothing more."""

import base64
import hmac
import json
import time
import uuid

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.attacks.serving import request, said

MEDIA = "/api/v1/media"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(content):
    return base64url(json.dumps(content).encode())


def claims(**changes):
    now = int(time.time())
    made = {"sub": str(uuid.uuid4()), "iat": now, "exp": now + 600, "aud": "media", "iss": "local-stack"}
    return made | changes


def handmade(header, payload, key):
    """A token that no library would make: signed with HMAC whatever its header says."""
    signed = f"{part(header)}.{payload if isinstance(payload, str) else part(payload)}"
    return f"{signed}.{base64url(hmac.digest(key, signed.encode(), 'sha256'))}"


@pytest.fixture
def secret(stack):
    return stack.secrets.jwt_secret


@pytest.fixture
def good(secret):
    return jwt.encode(claims(), secret, algorithm="HS256")


async def refused(site, token, says):
    """A 401 in whose words nothing of the token comes back."""
    response = await site.get(MEDIA, headers={"Authorization": f"Bearer {token}"})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (401, "not_authenticated"), response.text
    assert response.headers["www-authenticate"] == "Bearer"
    assert says in problem["detail"]
    assert not [word for word in token.split(".") if len(word) > 8 and word in response.text]


async def test_what_is_forged_here_would_be_accepted_if_it_were_not(site, good):
    assert (await site.get(MEDIA, headers={"Authorization": f"Bearer {good}"})).status_code == 200


class TestWantsToSignNothing:
    @pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, ["none"], {"none": 1}, 0])
    @pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "with a signature"])
    async def test_by_naming_no_algorithm(self, site, good, name, signed):
        token = f"{part({'alg': name, 'typ': 'JWT'})}.{good.split('.')[1]}.{good.split('.')[2] if signed else ''}"
        await refused(site, token, "token")

    async def test_by_leaving_the_algorithm_out(self, site, good):
        await refused(site, f"{part({'typ': 'JWT'})}.{good.split('.')[1]}.", "algorithm")

    async def test_by_leaving_the_signature_out(self, site, good):
        await refused(site, good.rpartition(".")[0] + ".", "signature")

    async def test_by_leaving_it_detached(self, site, secret):
        header = {"alg": "HS256", "b64": False, "crit": ["b64"]}
        await refused(site, handmade(header, "", secret.encode()), "no token")


class TestWantsToBeSomeoneElse:
    @pytest.mark.parametrize(
        "changes",
        [{"roles": ["admin"]}, {"sub": str(uuid.UUID(int=1))}, {"exp": 9_999_999_999}],
        ids=["role", "sub", "exp"],
    )
    async def test_by_changing_what_was_signed(self, site, good, changes):
        header, _, signature = good.split(".")
        await refused(site, f"{header}.{part(claims(**changes))}.{signature}", "signature")

    async def test_by_another_key(self, site):
        await refused(site, jwt.encode(claims(), "x" * 64, algorithm="HS256"), "signature")

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    async def test_by_another_algorithm_of_the_same_key(self, site, secret, algorithm):
        await refused(site, jwt.encode(claims(), secret, algorithm=algorithm), "algorithm")

    @pytest.mark.parametrize("header", ["jku", "x5u", "jwk", "x5c", "x5t", "kid", "zip", "cty"])
    async def test_by_bringing_the_key_along(self, site, header):
        key = {"kty": "oct", "k": base64url(b"x" * 32)}
        told = {"jwk": key, "x5c": ["AAAA"], "jku": "http://127.0.0.1:9/", "x5u": "http://127.0.0.1:9/"}.get(
            header, "x"
        )
        await refused(site, handmade({"alg": "HS256", header: told}, claims(), b"x" * 32), "signature")

    @pytest.mark.parametrize(
        "kid", ["../../dev/null", "/dev/null", "' OR 1=1 --", "http://127.0.0.1:9/", "x\x00", 1, ["a"], None], ids=repr
    )
    async def test_by_a_key_id_that_is_something_else(self, site, kid):
        await refused(site, handmade({"alg": "HS256", "kid": kid}, claims(), b""), "token")

    @pytest.mark.parametrize("crit", [["exp"], ["x"], [], "exp", [1], ["http://example.com/UNDEFINED"]], ids=repr)
    async def test_by_an_extension_that_must_be_understood(self, site, secret, crit):
        await refused(site, handmade({"alg": "HS256", "crit": crit}, claims(), secret.encode()), "no token")

    @pytest.mark.parametrize(
        "roles",
        ["admin", {"admin": True}, [["admin"]], [1], [None]],
        ids=["text", "object", "nested", "number", "nulls"],
    )
    async def test_by_roles_of_another_shape(self, site, secret, roles):
        await refused(site, handmade({"alg": "HS256"}, claims(roles=roles), secret.encode()), "roles")

    async def test_by_no_roles_at_all(self, site, secret):
        token = handmade({"alg": "HS256"}, claims(roles=None, scope=None, contexts=None), secret.encode())
        answer = await site.get("/api/v1/admin/counts", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 403

    @pytest.mark.parametrize("role", ["Admin", "ADMIN", "admin ", "admin,user", "superadmin", "admin\x00"])
    async def test_by_a_role_that_only_looks_like_it(self, site, bearer, role):
        assert (await site.get("/api/v1/admin/counts", headers=bearer(roles=[role]))).status_code == 403

    async def test_by_saying_admin_in_other_places(self, site, bearer):
        headers = bearer(role="admin", admin=True, scope="admin", groups=["admin"], realm_access={"roles": ["admin"]})
        assert (await site.get("/api/v1/admin/counts", headers=headers)).status_code == 403

    async def test_by_a_user_s_scope_that_only_services_have(self, site, bearer):
        response = await site.post(
            f"{MEDIA}/download-urls", json={"ids": [str(uuid.uuid4())]}, headers=bearer(scope="media:links")
        )
        assert response.status_code == 403


CLAIMS = [
    ({"aud": "billing"}, "audience"),
    ({"aud": ["billing", "tickets"]}, "audience"),
    ({"aud": []}, "missing"),
    ({"aud": {"media": 1}}, "audience"),
    ({"aud": "MEDIA"}, "audience"),
    ({"aud": "media-download"}, "audience"),
    ({"aud": None}, "missing"),
    ({"iss": "me"}, "issuer"),
    ({"iss": ["local-stack"]}, "issuer"),
    ({"iss": "local-stack "}, "issuer"),
    ({"iss": None}, "missing"),
    ({"exp": None}, "missing"),
    ({"exp": 1}, "expired"),
    ({"exp": 0}, "expired"),
    ({"exp": "9999999999"}, "exp is not"),
    ({"exp": 1.5}, "expired"),
    ({"exp": 1e300}, "exp is not"),
    ({"exp": 10**40}, "exp is not"),
    ({"exp": 2**63}, "exp is not"),
    ({"exp": -1}, "exp is not"),
    ({"exp": float("nan")}, "exp is not"),
    ({"exp": float("inf")}, "exp is not"),
    ({"exp": True}, "exp is not"),
    ({"exp": [9_999_999_999]}, "exp is not"),
    ({"exp": {}}, "exp is not"),
    ({"nbf": 9_999_999_999}, "not valid yet"),
    ({"iat": 9_999_999_999}, "not valid yet"),
    ({"nbf": "0"}, "nbf is not"),
    ({"iat": 9_999_999_999.5}, "not valid yet"),
    ({"iat": -0.5}, "iat is not"),
    ({"sub": None}, "missing"),
    ({"sub": "root"}, "not a UUID"),
    ({"sub": ""}, "not a UUID"),
    ({"sub": 1}, "not a UUID"),
    ({"sub": [str(uuid.UUID(int=1))]}, "not a UUID"),
    ({"sub": f"{uuid.UUID(int=1)}' OR 1=1 --"}, "not a UUID"),
    ({"sub": f"{uuid.UUID(int=1)}\x00"}, "not a UUID"),
    ({"contexts": "ticket_photo:*"}, "contexts"),
    ({"scope": ["media:read"]}, "scope"),
]


class TestWantsToBendAClaim:
    @pytest.mark.parametrize(
        ("changes", "says"), CLAIMS, ids=[f"{n}-{next(iter(c))}" for n, (c, _) in enumerate(CLAIMS)]
    )
    async def test_and_is_told_which_it_was(self, site, secret, changes, says):
        await refused(site, handmade({"alg": "HS256"}, claims(**changes), secret.encode()), says)

    async def test_by_leaving_the_end_out(self, site, secret):
        without = {name: value for name, value in claims().items() if name != "exp"}
        await refused(site, handmade({"alg": "HS256"}, without, secret.encode()), "missing")

    @pytest.mark.parametrize("payload", [[], "text", 1, None, [{}]], ids=repr)
    async def test_by_claims_that_are_no_object(self, site, secret, payload):
        await refused(
            site, handmade({"alg": "HS256"}, base64url(json.dumps(payload).encode()), secret.encode()), "no token"
        )

    async def test_by_a_token_within_a_token(self, site, secret, good):
        await refused(
            site, handmade({"alg": "HS256", "cty": "JWT"}, base64url(good.encode()), secret.encode()), "no token"
        )

    async def test_by_claims_that_are_nested_without_end(self, site, secret):
        deep = base64url(b'{"sub":' + b"[" * 2_500 + b"]" * 2_500 + b"}")
        await refused(site, handmade({"alg": "HS256"}, deep, secret.encode()), "t")

    @pytest.mark.parametrize("context", ["ticket_photo:*", "*:*", "ticket_photo:", ":", "ticket_photo", "%:%"])
    async def test_by_a_context_that_would_match_all(self, site, user, bearer, context):
        asked = await site.post(
            f"{MEDIA}/upload", json={"file_name": "a.png", "mime_type": "image/png", "file_size": 1}, headers=user
        )
        found = await site.get(f"{MEDIA}/{asked.json()['id']}", headers=bearer(contexts=[context]))
        assert found.status_code == 404
        listed = await site.get(MEDIA, headers=bearer(contexts=[context]))
        assert listed.json()["items"] == []


class TestWantsToConfuseTheReader:
    @pytest.mark.parametrize(
        "token",
        [
            "a.b.c",
            "....",
            ".",
            "a",
            "a.b.c.d.e",
            "e30.e30.e30",
            "\u00e9" * 20,
            "{}",
            "null",
            "-",
            "%00",
            "a.b",
            "eyJ9.e30.x",
        ],
        ids=ascii,
    )
    async def test_with_what_is_no_token(self, site, token):
        response = await site.get(MEDIA, headers=[("Authorization", f"Bearer {token}".encode())])
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")

    @pytest.mark.parametrize("first_is_good", [True, False])
    async def test_with_two_headers(self, served, good, first_is_good):
        lines = [f"Authorization: Bearer {good}", "Authorization: Bearer a.b.c"]
        (answer,) = await said(served.port, request("GET", MEDIA, *(lines if first_is_good else reversed(lines))))
        assert (answer.status, answer.code) == (401, "not_authenticated")
        assert "several" in answer.body.decode()

    @pytest.mark.parametrize(
        "shape",
        [
            "Bearer {0}, Bearer {0}",
            "Bearer {0} {0}",
            "Bearer",
            "{0}",
            "Basic {0}",
            "bearer={0}",
            "Token {0}",
        ],
    )
    async def test_with_another_shape_of_the_header(self, site, good, shape):
        response = await site.get(MEDIA, headers={"Authorization": shape.format(good)})
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")

    async def test_with_a_token_in_another_place(self, site, good):
        elsewhere = [
            site.get(f"{MEDIA}?access_token={good}"),
            site.get(f"{MEDIA}?token={good}"),
            site.get(MEDIA, headers={"Cookie": f"token={good}; Authorization=Bearer {good}"}),
            site.get(MEDIA, headers={"X-Authorization": f"Bearer {good}", "Proxy-Authorization": f"Bearer {good}"}),
            site.request("GET", MEDIA, content=f"access_token={good}"),
        ]
        assert [(await asked).status_code for asked in elsewhere] == [401] * 5

    async def test_with_a_very_long_token(self, site, good):
        await refused(site, good + "x" * 8_192, "too long")
        assert (await site.get(MEDIA, headers={"Authorization": f"Bearer {good + 'x' * 20_000}"})).status_code == 431

    async def test_with_five_parts_as_an_encrypted_one_has(self, site):
        header = part({"alg": "dir", "enc": "A256GCM"})
        await refused(site, f"{header}..{base64url(bytes(12))}.{base64url(bytes(32))}.{base64url(bytes(16))}", "token")


class TestWantsToUseATokenForWhatItIsNot:
    @pytest.fixture
    async def temporary(self, stack):
        """As the API issues them, for an object that does not exist."""
        now = int(time.time())
        made = {"aud": "media-download", "sub": str(uuid.UUID(int=7)), "epoch": 0, "exp": now + 600}
        return jwt.encode(made, stack.environment("in place", "x")["PUBLIC_TOKEN_SECRET"], algorithm="HS256")

    async def test_a_temporary_token_opens_no_door_but_its_own(self, site, temporary):
        own = await site.get(f"/files/{uuid.UUID(int=7)}/download?token={temporary}")
        assert (own.status_code, own.json()["code"]) == (404, "media_not_found")
        other = await site.get(f"/files/{uuid.UUID(int=8)}/download?token={temporary}")
        assert "another media object" in other.json()["detail"]

    async def test_a_temporary_token_is_no_bearer(self, site, temporary):
        await refused(site, temporary, "signature")

    async def test_a_bearer_is_no_temporary_token(self, site, good):
        response = await site.get(f"/files/{uuid.UUID(int=7)}/download?token={good}")
        assert (response.status_code, "signature" in response.json()["detail"]) == (401, True)

    async def test_a_bearer_beside_it_decides(self, site, temporary):
        response = await site.get(
            f"/files/{uuid.UUID(int=7)}/download?token={temporary}", headers={"Authorization": "Bearer a.b.c"}
        )
        assert response.status_code == 401

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "null", "%00", "x" * 3_000])
    async def test_what_is_no_temporary_token_opens_nothing(self, site, token):
        response = await site.get(f"/files/{uuid.UUID(int=7)}/download?token={token}")
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


class TestWantsToForgeWithAPublishedKey:
    @pytest.fixture
    async def site(self, served_with_published_keys):
        async with httpx.AsyncClient(base_url=served_with_published_keys.url, trust_env=False, timeout=10) as client:
            yield client

    @pytest.fixture
    def signed(self, signing_key):
        """A token of auth-service, or one that differs in its header or key."""

        def signed(headers=None, key=signing_key, algorithm="RS256", **changes):
            headers = {"kid": "current"} if headers is None else headers
            return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)

        return signed

    async def test_what_is_forged_here_would_be_accepted_if_it_were_not(self, site, signed):
        assert (await site.get(MEDIA, headers={"Authorization": f"Bearer {signed()}"})).status_code == 200

    @pytest.mark.parametrize("as_text", ["PEM", "DER", "JWK", "modulus"])
    async def test_by_an_hmac_made_with_it(self, site, signing_key, as_text):
        public = signing_key.public_key()
        text = {
            "PEM": lambda: public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "DER": lambda: public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "JWK": lambda: jwt.algorithms.RSAAlgorithm.to_jwk(public).encode(),
            "modulus": lambda: str(public.public_numbers().n).encode(),
        }[as_text]()
        await refused(site, handmade({"alg": "HS256", "kid": "current"}, claims(), text), "algorithm")

    @pytest.mark.parametrize("algorithm", ["PS256", "RS384", "RS512"])
    async def test_by_another_algorithm_of_the_same_key(self, site, signed, algorithm):
        await refused(site, signed(algorithm=algorithm), "algorithm")

    @pytest.mark.parametrize(
        ("headers", "says"),
        [
            ({"kid": "other"}, "not published"),
            ({"kid": "Current"}, "not published"),
            ({"kid": "current\n"}, "not published"),
            ({"kid": "../current"}, "not published"),
        ],
        ids=["foreign", "case", "newline", "path"],
    )
    async def test_by_a_key_id_that_is_not_published(self, site, signed, headers, says):
        await refused(site, signed(headers), says)

    @pytest.mark.parametrize("headers", [{}, {"kid": ""}, {"kid": "current"}], ids=["none", "empty", "the same"])
    async def test_by_a_key_of_the_same_name_or_of_none(self, site, signed, headers):
        await refused(site, signed(headers, key=rsa.generate_private_key(65_537, 2048)), "signature")

    async def test_by_a_key_of_their_own_in_the_header(self, site, signed):
        own = rsa.generate_private_key(65_537, 2048)
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key(), as_dict=True) | {"kid": "current"}
        await refused(site, signed({"kid": "current", "jwk": jwk}, key=own), "signature")
        await refused(site, signed({"kid": "own", "jwk": jwk | {"kid": "own"}}, key=own), "not published")

    async def test_by_no_algorithm(self, site, signed):
        await refused(site, f"{part({'alg': 'none', 'kid': 'current'})}.{signed().split('.')[1]}.", "algorithm")
