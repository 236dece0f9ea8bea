"""The temporary tokens of download URLs: for one media object and this purpose, under keys of their own."""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import jwt
import msgspec

from app.access import LinkHolder
from app.api.token_checks import CHECKS, LONGEST_TOKEN, UNREADABLE
from app.errors import NotAuthenticated

_DOWNLOAD_AUDIENCE: Final = "media-download"


class _LinkClaims(msgspec.Struct, frozen=True):
    sub: UUID
    epoch: int


class DownloadTokens:
    """The first key signs; a token that was signed with any of them is accepted."""

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
        if len(token) > LONGEST_TOKEN:
            raise NotAuthenticated("it is too long")
        try:
            claims = msgspec.convert(self._decode(token), _LinkClaims)
        except (jwt.PyJWTError, msgspec.ValidationError, *UNREADABLE) as error:
            raise NotAuthenticated(CHECKS.get(type(error), "it is no download token of this service")) from error
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
