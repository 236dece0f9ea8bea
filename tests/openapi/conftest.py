import json

import httpx
import pytest

from app.api.app import create_app
from app.config import api_settings
from tests.stack import announced_stack


@pytest.fixture
def mode():
    """The document does not depend on the mode."""
    return "in place"


@pytest.fixture
async def text():
    """The document as it is served; its making asks nothing of any part."""
    app = create_app(api_settings(announced_stack().environment("in place", "postgresql://nowhere/x")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://media.test") as client:
        return (await client.get("/docs/openapi.json")).text


@pytest.fixture
def document(text):
    return json.loads(text)


@pytest.fixture
def schemas(document):
    return document["components"]["schemas"]


@pytest.fixture
def file(text, tmp_path):
    """The document as a file, for programs that read it."""
    path = tmp_path / "openapi.json"
    path.write_text(text)
    return path
