"""A process that misses settings says all of them in one sentence and exits with 2."""

import subprocess
import sys

import pytest

from app import config
from app.config import VARIABLES
from app.errors import Misconfigured
from tests.stack import announced_stack


@pytest.fixture
def environment():
    return announced_stack().environment("in place", "postgresql://nowhere/x")


def test_all_that_is_missing_is_said_at_once():
    with pytest.raises(Misconfigured) as error:
        config.api_settings({})
    required = [
        variable.name
        for variable in VARIABLES
        if "api" in variable.roles.split() and variable.default is None and variable.unset is None
    ]
    assert all(name in str(error.value) for name in required)
    assert "one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL" in str(error.value)
    assert str(error.value).count(".") == 1


@pytest.mark.parametrize("command", ["api", "worker", "migrate", "provision", "audit"])
def test_a_process_that_misses_settings_exits_with_2(command):
    ended = subprocess.run(
        [sys.executable, "-m", "app", command], env={"PATH": ""}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("media: Settings can't be used: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"MAX_FILE_SIZE_MB": "ten"}, "MAX_FILE_SIZE_MB is not a whole number"),
        ({"UPLOAD_URL_TTL_SECONDS": "0"}, "UPLOAD_URL_TTL_SECONDS"),
        ({"UPLOAD_URL_TTL_SECONDS": "604801"}, "UPLOAD_URL_TTL_SECONDS"),
        ({"MINIO_SECURE": "yes"}, "MINIO_SECURE is neither true nor false"),
        ({"MINIO_ENDPOINT": "http://minio:9000"}, "MINIO_ENDPOINT is not host:port"),
        ({"MINIO_PUBLIC_URL": "minio:9000"}, "MINIO_PUBLIC_URL"),
        ({"MINIO_PUBLIC_URL": "https://example.com/storage"}, "has a path"),
        ({"JWT_SECRET": "short"}, "JWT_SECRET is shorter than 32 bytes"),
        ({"JWT_PUBLIC_KEY": "a key"}, "exclude one another"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        ({"SCAN_TIMEOUT_SECONDS": "601"}, "SCAN_TIMEOUT_SECONDS"),
        ({"SCAN_COMMAND": "scan 'it"}, "SCAN_COMMAND has a quote that does not end"),
        ({"TRUSTED_PROXIES": "10.0.0.1, *"}, "TRUSTED_PROXIES holds '\\*'"),
        ({"TRUSTED_PROXIES": "proxy.example.com"}, "TRUSTED_PROXIES holds"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES holds"),
        ({"MAX_UPLOAD_HOURS": "169"}, "MAX_UPLOAD_HOURS"),
        ({"CORS_ALLOWED_ORIGINS": "https://*.example.com"}, "CORS_ALLOWED_ORIGINS holds"),
        ({"CORS_ALLOWED_ORIGINS": "https://www.example.com:*"}, "CORS_ALLOWED_ORIGINS holds"),
        ({"CORS_ALLOWED_ORIGINS": "http://localhost.example.com:*"}, "CORS_ALLOWED_ORIGINS holds"),
        ({"CORS_ALLOWED_ORIGINS": "http://localhost:*/"}, "CORS_ALLOWED_ORIGINS holds"),
    ],
)
def test_what_is_wrong_is_named(environment, changes, says):
    with pytest.raises(Misconfigured, match=says):
        config.api_settings(environment | changes)


def test_the_defaults_are_those_of_the_specification(environment):
    policy = config.api_settings(environment).upload_policy
    assert policy.max_file_size_bytes == 10 * 1024 * 1024
    assert policy.allowed_types == {"image/jpeg", "image/png", "image/webp", "application/pdf"}
    assert policy.url_ttl_seconds == 600


def test_pages_on_any_port_of_this_machine_may_be_allowed(environment):
    origins = "http://localhost:*,http://127.0.0.1:*,https://[::1]:*,https://www.example.com"
    allowed = config.api_settings(environment | {"CORS_ALLOWED_ORIGINS": origins}).cors_allowed_origins
    assert ",".join(allowed) == origins


def test_allowed_types_may_be_written_as_clients_write_them(environment):
    policy = config.api_settings(environment | {"ALLOWED_IMAGE_TYPES": "image/JPG, image/png"}).upload_policy
    assert policy.allowed_types == {"image/jpeg", "image/png", "application/pdf"}


def test_without_an_incoming_bucket_uploads_are_served_in_place(environment):
    del environment["MINIO_BUCKET_INCOMING"]
    assert not config.worker_settings(environment).storage.quarantine
    assert config.worker_settings(environment | {"MINIO_BUCKET_INCOMING": "incoming"}).storage.quarantine


def test_no_settings_show_a_secret(environment):
    settings = config.api_settings(environment)
    secrets = [value for name, value in environment.items() if "SECRET" in name or name == "NATS_URL"]
    parts = (settings, settings.storage, settings.uploader, settings.bearer, settings.bus)
    assert not [part for part in parts for secret in secrets if secret in repr(part)]


def test_the_worker_is_not_told_what_it_does_not_need(environment):
    for name in ("JWT_SECRET", "MINIO_UPLOAD_SECRET_KEY", "MINIO_DOWNLOAD_SECRET_KEY", "PUBLIC_TOKEN_SECRET"):
        del environment[name]
    config.worker_settings(environment)
