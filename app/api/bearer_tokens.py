"""Checks bearer tokens (RFC 7519) against the configured key, or against the published ones (JWKS).

The key decides which algorithms a token may name. Of a token's header `kid` alone chooses a key: no URL or key in it
(`jku`, `x5u`, `jwk`) is followed or used.
"""

import re
import time
from typing import Annotated, Any, Final
from uuid import UUID

import jwt
import msgspec

from app.access import Principal
from app.api.published_keys import PublishedKeys
from app.api.signing_keys import SigningKey, key_of_pem
from app.api.token_checks import CHECKS, LONGEST_TOKEN, UNREADABLE
from app.config import BearerKeys
from app.errors import NotAuthenticated
from app.media import ContextType

_NOT_THIS_KEY: Final = (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError)

# Seconds of this era, with a fraction or without (RFC 7519, NumericDate): "1e9", 1e300 and NaN are mistakes or tricks.
_Time = Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)]
_FIELD: Final = re.compile(r"`\$\.(\w+)")


class _Claims(msgspec.Struct, frozen=True):
    """The claims that are read. An optional one that is null counts as absent."""

    sub: UUID
    exp: _Time
    iat: _Time | None = None
    nbf: _Time | None = None
    roles: list[str] | None = None
    scope: str | None = None
    contexts: list[str] | None = None


class BearerTokens:
    """Checks bearer tokens against the one configured key, or the configured JWKS."""

    def __init__(self, keys: BearerKeys) -> None:
        self._keys = keys
        self._published = PublishedKeys(keys.jwks_url) if keys.jwks_url else None
        self._fixed = _fixed_key(keys)

    async def principal(self, token: str) -> Principal:
        """Who holds this token. Raises NotAuthenticated with the check that failed, or KeysUnavailable."""
        if len(token) > LONGEST_TOKEN:
            raise NotAuthenticated("it is too long")
        try:
            claims = await self._checked(token)
        except jwt.InvalidAlgorithmError as error:
            raise NotAuthenticated(str(error)) from error
        except jwt.PyJWTError as error:
            raise NotAuthenticated(CHECKS.get(type(error), "it is no token of this service")) from error
        except msgspec.ValidationError as error:
            raise NotAuthenticated(_misshapen(error)) from error
        except UNREADABLE as error:
            raise NotAuthenticated("it is no token of this service") from error
        return Principal(
            id=claims.sub,
            roles=frozenset(claims.roles or ()),
            scopes=frozenset((claims.scope or "").split()),
            contexts=frozenset(context for claim in claims.contexts or () if (context := _context(claim))),
        )

    async def _checked(self, token: str) -> _Claims:
        if self._fixed is not None:
            return self._claims(token, self._fixed)
        assert self._published is not None
        kid = jwt.get_unverified_header(token).get("kid")
        key = await self._published_key(kid, self._published)
        try:
            return self._claims(token, key)
        except _NOT_THIS_KEY:
            # auth-service may have put another key under this id: the set is looked at anew, if that is not too soon.
            replaced = await self._published.find_again(kid)
            if replaced is None or replaced == key:
                raise
            return self._claims(token, replaced)

    async def _published_key(self, kid: str | None, published: PublishedKeys) -> SigningKey:
        key = await published.find(kid)
        if key is None and not kid:
            raise NotAuthenticated("it does not say which key signed it (kid)")
        if key is None:
            raise NotAuthenticated("the key that it names (kid) is not published")
        return key

    def _claims(self, token: str, by: SigningKey) -> _Claims:
        try:
            payload = self._decoded(token, by)
        except jwt.InvalidAlgorithmError as error:
            checked = " or ".join(by.algorithms)
            raise jwt.InvalidAlgorithmError(f"its algorithm is another one than its key checks, {checked}") from error
        claims = msgspec.convert(payload, _Claims)
        _check_times(claims, self._keys.leeway_seconds)
        return claims

    def _decoded(self, token: str, by: SigningKey) -> Any:
        return jwt.decode(
            token,
            by.key,
            algorithms=by.algorithms,
            audience=self._keys.audience,
            issuer=self._keys.issuer,
            options={
                "require": ["exp", "sub", "aud", "iss"],
                "verify_sub": False,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_jti": False,
            },
        )


def _check_times(claims: _Claims, leeway_seconds: int) -> None:
    """Here and not by PyJWT, which takes "1893456000" for a time."""
    now = time.time()
    if claims.exp <= now - leeway_seconds:
        raise jwt.ExpiredSignatureError
    if max(claims.iat or 0, claims.nbf or 0) > now + leeway_seconds:
        raise jwt.ImmatureSignatureError


def _misshapen(error: msgspec.ValidationError) -> str:
    """Which claim it is. The name is one of our own fields: nothing of the token comes back."""
    field = _FIELD.search(str(error))
    if field is None:
        return "it is no token of this service"
    return "its sub is not a UUID" if field[1] == "sub" else f"its {field[1]} is not what this claim can be"


def _context(claim: str) -> tuple[str, UUID] | None:
    """`ticket_photo:<uuid>`. A claim of another shape is some other service's, and gives nothing here."""
    context_type, _, context_id = claim.partition(":")
    try:
        return ContextType(context_type), UUID(context_id)
    except ValueError:
        return None


def _fixed_key(keys: BearerKeys) -> SigningKey | None:
    if keys.secret is not None:
        return SigningKey(keys.secret, ("HS256",))
    return None if keys.public_key is None else key_of_pem(keys.public_key)
