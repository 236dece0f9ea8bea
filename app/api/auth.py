"""Who calls: bearer tokens (RFC 6750, RFC 7519) and the temporary tokens of download URLs. Importer of jwt, with
local/tokens.

The algorithm comes from the key, never from the token. Of a token's header `kid` alone chooses: no URL or key in it
(`jku`, `x5u`, `jwk`) is followed or used.
"""

import contextlib
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp

from app.access import LinkHolder, Principal
from app.api.published_keys import PublishedKeys, SigningKey
from app.api.request_rate import RequestRate, network_of
from app.config import BearerKeys
from app.errors import Misconfigured, NotAuthenticated
from app.media import ContextType

_DOWNLOAD_AUDIENCE: Final = "media-download"
_LEEWAY_SECONDS: Final = 5
_LONGEST_TOKEN: Final = 8_192
_UNREADABLE: Final = (ValueError, TypeError, RecursionError, OverflowError)
_CHECKS: Final[dict[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAudienceError: "its audience is another one",
    jwt.InvalidIssuerError: "its issuer is another one",
    jwt.InvalidAlgorithmError: "its algorithm is another one",
    jwt.InvalidSignatureError: "its signature does not match",
    jwt.InvalidKeyError: "its key is of a kind that is not accepted",
    jwt.MissingRequiredClaimError: "a claim is missing (exp, sub, aud and iss are required)",
}


# Whole seconds of this era (RFC 7519 calls it a NumericDate): "1e9", 1e300 and NaN are mistakes or tricks.
_Time = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]
_FIELD: Final = re.compile(r"`\$\.(\w+)")


class _Claims(msgspec.Struct, frozen=True):
    sub: UUID
    exp: _Time
    iat: _Time = 0
    nbf: _Time = 0
    roles: list[str] = []
    scope: str = ""
    contexts: list[str] = []


class BearerTokens:
    """Checks bearer tokens against the one configured key, or the configured JWKS."""

    def __init__(self, keys: BearerKeys) -> None:
        self._keys = keys
        self._published = PublishedKeys(keys.jwks_url) if keys.jwks_url else None
        self._fixed = _fixed_key(keys)

    async def principal(self, token: str) -> Principal:
        """Who holds this token. Raises NotAuthenticated with the check that failed, or KeysUnavailable."""
        if len(token) > _LONGEST_TOKEN:
            raise NotAuthenticated("it is too long")
        try:
            claims = self._claims(token, self._fixed or await self._published_key(token))
        except jwt.PyJWTError as error:
            raise NotAuthenticated(_CHECKS.get(type(error), "it is no token of this service")) from error
        except msgspec.ValidationError as error:
            raise NotAuthenticated(_misshapen(error)) from error
        except _UNREADABLE as error:
            raise NotAuthenticated("it is no token of this service") from error
        return Principal(
            id=claims.sub,
            roles=frozenset(claims.roles),
            scopes=frozenset(claims.scope.split()),
            contexts=frozenset(context for claim in claims.contexts if (context := _context(claim))),
        )

    def _claims(self, token: str, by: SigningKey) -> _Claims:
        payload = jwt.decode(
            token,
            by.key,
            algorithms=[by.algorithm],
            audience=self._keys.audience,
            issuer=self._keys.issuer,
            options={
                "require": ["exp", "sub", "aud", "iss"],
                "verify_sub": False,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        claims = msgspec.convert(payload, _Claims)
        _check_times(claims)
        return claims

    async def _published_key(self, token: str) -> SigningKey:
        assert self._published is not None
        kid = jwt.get_unverified_header(token).get("kid")
        if not kid:
            raise NotAuthenticated("it does not say which key signed it (kid)")
        key = await self._published.find(kid)
        if key is None:
            raise NotAuthenticated("the key that it names (kid) is not published")
        return key


def _check_times(claims: _Claims) -> None:
    """Here and not by PyJWT, which takes "1893456000" and 1893456000.5 for times."""
    now = time.time()
    if claims.exp <= now - _LEEWAY_SECONDS:
        raise jwt.ExpiredSignatureError
    if max(claims.iat, claims.nbf) > now + _LEEWAY_SECONDS:
        raise jwt.ImmatureSignatureError


def _misshapen(error: msgspec.ValidationError) -> str:
    """Which claim it is. The name is one of our own fields: nothing of the token comes back."""
    field = _FIELD.search(str(error))
    if field is None:
        return "it is no token of this service"
    return "its sub is not a UUID" if field[1] == "sub" else f"its {field[1]} is not what this claim can be"


class _LinkClaims(msgspec.Struct, frozen=True):
    sub: UUID
    epoch: int


class DownloadTokens:
    """The temporary tokens of download URLs: for one media object and this purpose, under keys of their own.

    The first key signs; a token that was signed with any of them is accepted.
    """

    def __init__(self, keys: Sequence[str], ttl_seconds: int) -> None:
        self._keys = keys
        self._ttl = timedelta(seconds=ttl_seconds)

    def issue(self, media_id: UUID, epoch: int) -> str:
        """A token that lives until its time is up or the object's links are revoked, which ends their epoch."""
        expires_at = datetime.now(UTC) + self._ttl
        claims = {"aud": _DOWNLOAD_AUDIENCE, "sub": str(media_id), "epoch": epoch, "exp": expires_at}
        return jwt.encode(claims, self._keys[0], algorithm="HS256")

    def check(self, token: str, media_id: UUID) -> LinkHolder:
        """Who holds it. Raises NotAuthenticated unless it was issued for this media object and still lives."""
        if len(token) > _LONGEST_TOKEN:
            raise NotAuthenticated("it is too long")
        try:
            claims = msgspec.convert(self._decode(token), _LinkClaims)
        except (jwt.PyJWTError, msgspec.ValidationError, *_UNREADABLE) as error:
            raise NotAuthenticated(_CHECKS.get(type(error), "it is no download token of this service")) from error
        if claims.sub != media_id:
            raise NotAuthenticated("it was issued for another media object")
        return LinkHolder(claims.sub, claims.epoch)

    def _decode(self, token: str) -> dict[str, Any]:
        *earlier, last = self._keys
        for key in earlier:
            with contextlib.suppress(jwt.InvalidSignatureError):
                return self._decode_with(token, key)
        return self._decode_with(token, last)

    def _decode_with(self, token: str, key: str) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            audience=_DOWNLOAD_AUDIENCE,
            options={"require": ["exp", "sub", "aud"], "verify_sub": False},
        )


class Callers:
    """Who calls, and whether not too often: a principal is counted by itself, who shows no good token by address."""

    def __init__(self, tokens: BearerTokens, rate: RequestRate) -> None:
        self._tokens = tokens
        self._rate = rate

    async def principal(self, connection: ASGIConnection[Any, Any, Any, Any]) -> Principal:
        """Of the Authorization header. Raises NotAuthenticated, KeysUnavailable or RequestRateExceeded."""
        address = _network(connection)
        self._rate.check(address)  # tokens of an address that has tried too many are not looked at: guessing ends here
        try:
            principal = await self._tokens.principal(_bearer(connection))
        except NotAuthenticated:
            self._rate.admit(address)
            raise
        self._rate.admit(principal.id)
        return principal

    async def principal_on_bus(self, authorization: str) -> Principal:
        """Of a message's header. Raises like `principal`. The bus has no addresses, and lets only services in."""
        principal = await self._tokens.principal(bearer_token(authorization))
        self._rate.admit(principal.id)
        return principal

    def without_bearer(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Count a request that shows another token. Raises RequestRateExceeded."""
        self._rate.admit(_network(connection))


class BearerAuthentication(AbstractAuthenticationMiddleware):
    """Every route asks for a bearer token, unless it says `exclude_from_auth`; so do its OPTIONS: it has guards."""

    def __init__(self, app: ASGIApp, callers: Callers) -> None:
        super().__init__(app, exclude_from_auth_key="exclude_from_auth", exclude_http_methods=())
        self._callers = callers

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        return AuthenticationResult(user=await self._callers.principal(connection), auth=None)


def _network(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    client = connection.client
    return network_of(client.host if client else None)


def _bearer(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    sent = connection.headers.getall("authorization", [""])
    if len(sent) > 1:
        raise NotAuthenticated("there are several; send one header Authorization: Bearer <token>")
    return bearer_token(sent[0])


def bearer_token(authorization: str) -> str:
    """The token of an Authorization header. Raises NotAuthenticated if it has none."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("there is none; send the header Authorization: Bearer <token>")
    return token.strip()


def _context(claim: str) -> tuple[str, UUID] | None:
    """`ticket_photo:<uuid>`. A claim of another shape is some other service's, and gives nothing here."""
    context_type, _, context_id = claim.partition(":")
    try:
        return ContextType(context_type), UUID(context_id)
    except ValueError:
        return None


def _fixed_key(keys: BearerKeys) -> SigningKey | None:
    if keys.secret is not None:
        return SigningKey(keys.secret, "HS256")
    if keys.public_key is None:
        return None
    try:
        public = load_pem_public_key(keys.public_key.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Misconfigured([], ["JWT_PUBLIC_KEY is no PEM public key"]) from error
    if isinstance(public, RSAPublicKey):
        return SigningKey(public, "RS256")
    return SigningKey(public, "ES256" if isinstance(public, EllipticCurvePublicKey) else "EdDSA")
