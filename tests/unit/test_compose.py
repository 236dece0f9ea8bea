"""compose.yaml against the Compose specification's own loader, and against the settings that each process reads."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app import config

# The program itself, as the script that the package installs hides its exit code.
LOADER = Path(importlib.util.find_spec("compose").origin).with_name("docker-compose")
ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
EXAMPLE = (ROOT / ".env.example").read_text()
NAMES = re.findall(r"^([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE)
REQUIRED = re.findall(r"^([A-Z0-9_]+)=$", EXAMPLE, re.MULTILINE)
SETTINGS = {
    "api": config.api_settings,
    "worker": config.worker_settings,
    "migrate": config.migrate_settings,
    "streams": config.streams_settings,
    "provision": config.provision_settings,
}


def compose(env_file, *arguments):
    """The Go loader on compose.yaml, told nothing but the file: its own environment would win over that."""
    return subprocess.run(
        [LOADER, "--env-file", env_file, "-f", ROOT / "compose.yaml", *arguments],
        env={"HOME": str(env_file.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def filled(empty=None):
    """.env.example with a value of its own for each required variable, but for one."""
    values = {name: f"{name.lower().replace('_', '')}0123456789abcdef0123456789" for name in REQUIRED if name != empty}
    return re.sub(r"^([A-Z0-9_]+)=$", lambda line: f"{line[0]}{values.get(line[1], '')}", EXAMPLE, flags=re.MULTILINE)


@pytest.fixture
def env_file(tmp_path):
    path = tmp_path / ".env"
    path.write_text(filled())
    return path


@pytest.fixture
def resolved(env_file):
    """What an engine would be told."""
    answer = compose(env_file, "config", "--format", "json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def environment(resolved, service):
    return resolved["services"][service].get("environment", {})


def test_the_file_is_valid(env_file):
    answer = compose(env_file, "config", "--quiet")
    assert (answer.returncode, answer.stderr) == (0, "")


def test_nothing_starts_from_the_example_as_it_stands(tmp_path):
    path = tmp_path / ".env"
    path.write_text(EXAMPLE)
    assert compose(path, "config", "--quiet").returncode != 0


@pytest.mark.parametrize("name", REQUIRED)
def test_a_variable_that_is_empty_is_named(tmp_path, name):
    path = tmp_path / ".env"
    path.write_text(filled(empty=name))
    answer = compose(path, "config", "--quiet")
    assert answer.returncode != 0
    assert f"required variable {name} is missing a value" in answer.stderr


def test_the_example_names_exactly_the_variables_that_are_used(env_file):
    used = compose(env_file, "config", "--variables", "--format", "json")
    assert used.returncode == 0, used.stderr
    variables = {name: variable["Required"] for name, variable in json.loads(used.stdout).items()}
    assert sorted(NAMES) == sorted(variables)
    assert sorted(REQUIRED) == sorted(name for name, required in variables.items() if required)


@pytest.mark.parametrize("role", SETTINGS)
def test_each_process_gets_the_settings_that_it_needs(resolved, role):
    SETTINGS[role](environment(resolved, role))


@pytest.mark.parametrize("role", SETTINGS)
def test_each_process_gets_no_setting_of_another(resolved, role):
    readable = {variable.name for variable in config.VARIABLES if role in variable.roles.split()}
    assert set(environment(resolved, role)) <= readable


def test_the_streams_are_made_with_the_address_of_nats_alone(resolved):
    assert set(environment(resolved, "streams")) == {"NATS_URL", "LOG_LEVEL"}


def test_only_storage_and_provision_get_the_root_credentials(resolved):
    told = {service for service in resolved["services"] if "MINIO_ROOT_PASSWORD" in environment(resolved, service)}
    assert told == {"minio", "provision"}
    secret = environment(resolved, "provision")["MINIO_ROOT_PASSWORD"]
    assert {name for name, service in resolved["services"].items() if secret in json.dumps(service)} == told


def test_a_worker_can_sign_no_url(resolved):
    assert not [name for name in environment(resolved, "worker") if "UPLOAD" in name or "DOWNLOAD" in name]


def test_no_secret_stands_in_the_file():
    """Each value whose name says secret, password or key comes from the environment and has no default."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    secrets = [
        value
        for service in services.values()
        for name, value in service.get("environment", {}).items()
        if re.search(r"SECRET|PASSWORD|KEY|ROOT_USER|DATABASE_URL|NATS_URL", name)
    ]
    assert len(secrets) > 10
    assert all(re.search(r"\$\{[A-Z_]+:\?", value) for value in secrets)


def test_storage_announces_every_write_twice_once_kept_in_a_volume(resolved):
    told = environment(resolved, "minio")
    for target in ("FAST", "DURABLE"):
        assert told[f"MINIO_NOTIFY_NATS_ENABLE_{target}"] == "on"
        assert told[f"MINIO_NOTIFY_NATS_JETSTREAM_{target}"] == "on"
        assert told[f"MINIO_NOTIFY_NATS_SUBJECT_{target}"] == "minio.events"
    assert "MINIO_NOTIFY_NATS_QUEUE_DIR_FAST" not in told
    mounted = {volume["target"] for volume in resolved["services"]["minio"]["volumes"] if volume["type"] == "volume"}
    assert {"/data", told["MINIO_NOTIFY_NATS_QUEUE_DIR_DURABLE"]} <= mounted


def test_clients_and_the_service_reach_storage_by_two_addresses(resolved):
    told = environment(resolved, "api")
    assert (told["MINIO_ENDPOINT"], told["MINIO_PUBLIC_URL"]) == ("minio:9000", "http://127.0.0.1:9000")


def test_two_of_each_run_and_every_replica_of_the_api_has_a_port(resolved):
    services = resolved["services"]
    assert services["api"]["deploy"]["replicas"] == services["worker"]["deploy"]["replicas"] == 2
    first, last = map(int, services["api"]["ports"][0]["published"].split("-"))
    assert last - first + 1 == 2


def test_nothing_starts_before_what_it_needs(resolved):
    services = resolved["services"]
    needs = {
        (name, needed, condition["condition"])
        for name, service in services.items()
        for needed, condition in service.get("depends_on", {}).items()
    }
    done, healthy = "service_completed_successfully", "service_healthy"
    assert {
        ("streams", "nats", healthy),
        ("minio", "streams", done),
        ("provision", "minio", healthy),
        ("migrate", "postgres", healthy),
        ("api", "migrate", done),
        ("api", "provision", done),
        ("worker", "migrate", done),
        ("worker", "provision", done),
    } <= needs
    assert all("healthcheck" in services[needed] for _, needed, condition in needs if condition == healthy)


def test_what_is_kept_is_in_named_volumes(resolved):
    for service in ("postgres", "nats", "minio"):
        assert {volume["type"] for volume in resolved["services"][service]["volumes"]} == {"volume"}


def test_nats_understands_its_configuration(resolved, tmp_path):
    configuration = tmp_path / "nats.conf"
    configuration.write_text(resolved["configs"]["nats"]["content"].replace('"/data"', f'"{tmp_path}"'))
    answer = subprocess.run(
        [PROGRAMS / "nats-server", "--config", configuration, "-t"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert answer.returncode == 0, answer.stderr


def test_the_image_is_given_everything_that_it_copies():
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in line.split()[:-1]
    }
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)
