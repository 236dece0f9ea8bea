"""`media token` makes what the local stack's API accepts."""

import uuid

import httpx
import jwt
import pytest
from click.testing import CliRunner, Result

from app.cli.token import token
from app.local.stack_secrets import load_or_make_secrets

pytestmark = pytest.mark.xdist_group("local-stack")
ANN = uuid.uuid4()


@pytest.fixture
def secrets(tmp_path):
    return load_or_make_secrets(tmp_path / "secrets.json")


def media_token(*options) -> Result:
    return CliRunner().invoke(token, [str(option) for option in options])


def test_a_token_says_what_was_asked_for(tmp_path, secrets):
    ticket = f"ticket_photo:{uuid.uuid4()}"
    printed = media_token(
        *("--sub", ANN, "--role", "admin", "--role", "service", "--scope", "media:read", "--scope", "media:write"),
        *("--context", ticket, "--ttl", 60, "--data-dir", tmp_path),
    )

    claims = jwt.decode(
        printed.output.strip(), secrets.jwt_secret, algorithms=["HS256"], audience="media", issuer="local-stack"
    )
    assert claims["exp"] - claims["iat"] == 60
    assert claims["sub"] == str(ANN)
    assert claims["roles"] == ["admin", "service"]
    assert claims["scope"] == "media:read media:write"
    assert claims["contexts"] == [ticket]


def test_the_running_api_accepts_it(running):
    printed = media_token("--sub", ANN, "--data-dir", running.data_dir).output.strip()
    answer = httpx.get(f"{running.stack.api_url}/api/v1/media", headers={"Authorization": f"Bearer {printed}"})

    assert answer.status_code == 200


@pytest.mark.parametrize("options", [("--sub", "ann"), ("--sub", ANN, "--context", "ticket_photo:7")])
def test_what_is_no_uuid_is_refused(tmp_path, secrets, options):
    refused = media_token(*options, "--data-dir", tmp_path)

    assert refused.exit_code == 2
    assert "uuid" in refused.output.lower()


def test_a_folder_without_a_stack_is_refused_with_what_to_do(tmp_path):
    refused = media_token("--sub", ANN, "--data-dir", tmp_path)

    assert refused.exit_code == 1
    assert f"media run --data-dir {tmp_path}" in refused.output
