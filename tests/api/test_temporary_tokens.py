"""The key of temporary tokens is changed without ending those that live."""

import contextlib
import secrets

import httpx

from app.api.app import create_app
from app.config import api_settings
from tests.api.test_revoke_links import token_link
from tests.conftest import living
from tests.story import make_ready, unique_png


@contextlib.asynccontextmanager
async def another(environment):
    """An API with these settings, beside that of the test."""
    app = create_app(api_settings(environment))
    async with (
        living(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://b.test") as client,
    ):
        yield client


async def test_tokens_of_the_key_before_are_accepted_while_it_is_named(api, storage, user, environment):
    asked = (await make_ready(api, storage, user, unique_png(), is_public=True))["id"]
    early = await token_link(api, user, asked)
    key = {"PUBLIC_TOKEN_SECRET": secrets.token_urlsafe(48)}
    before = {"PUBLIC_TOKEN_SECRET_PREVIOUS": environment["PUBLIC_TOKEN_SECRET"]}
    async with another(environment | key | before) as rotated:
        late = await token_link(rotated, user, asked)
        assert [(await rotated.get(link)).status_code for link in (early, late)] == [302, 302]
    assert (await api.get(late)).status_code == 401, "the new key signs"
    async with another(environment | key) as ended:
        assert [(await ended.get(link)).status_code for link in (early, late)] == [401, 302]
