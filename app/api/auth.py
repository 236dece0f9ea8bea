"""Authenticates callers by their Authorization header (RFC 6750), and applies the request rate to them."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp

from app.access import Principal
from app.api.bearer_tokens import BearerTokens
from app.api.request_rate import RequestRate, network_of
from app.errors import NotAuthenticated


class Callers:
    """Authenticates callers and applies the request rate: per principal, or per address without a valid token."""

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
