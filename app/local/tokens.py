"""Bearer tokens of the local stack, as auth-service would make them. Anyone who has DATA_DIR can make any."""

import time
from collections.abc import Sequence
from uuid import UUID

import jwt

from app.local.settings import JWT_AUDIENCE, JWT_ISSUER
from app.local.stack_secrets import StackSecrets

_MONTH_SECONDS = 30 * 86_400
_SERVICE_SCOPES = ("media:read", "media:write", "media:links", "media:invoices")


def make_token(
    secret: str,
    *,
    subject: UUID,
    roles: Sequence[str] = (),
    scopes: Sequence[str] = (),
    contexts: Sequence[str] = (),
    ttl_seconds: int,
) -> str:
    """A JWT that the local stack's API accepts for `ttl_seconds`."""
    now = int(time.time())
    claims = {
        "sub": str(subject),
        "roles": list(roles),
        "scope": " ".join(scopes),
        "contexts": list(contexts),
        "iat": now,
        "exp": now + ttl_seconds,
        "aud": JWT_AUDIENCE,
        "iss": JWT_ISSUER,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def stack_tokens(secrets: StackSecrets) -> dict[str, str]:
    """The four of stack.json, good for a month: of two users, an admin and a service such as billing-service."""
    key = secrets.jwt_secret
    return {
        "user": make_token(key, subject=secrets.user_id, ttl_seconds=_MONTH_SECONDS),
        "other_user": make_token(key, subject=secrets.other_user_id, ttl_seconds=_MONTH_SECONDS),
        "admin": make_token(key, subject=secrets.admin_id, roles=["admin"], ttl_seconds=_MONTH_SECONDS),
        "service": make_token(
            key, subject=secrets.service_id, roles=["service"], scopes=_SERVICE_SCOPES, ttl_seconds=_MONTH_SECONDS
        ),
    }
