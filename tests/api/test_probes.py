"""Health probes: what is up, how fast, and that no part that is away holds them up."""

import asyncio
import socket

import pytest

NOWHERE = "127.0.0.1:9"


async def test_health_names_every_part_with_its_latency(api):
    response = await api.get("/health")
    parts = response.json()["parts"]
    assert (response.status_code, set(parts)) == (200, {"database", "object_store", "event_bus"})
    assert all(part["status"] == "ok" and part["latency_ms"] >= 0 for part in parts.values())


class TestAPartIsAway:
    @pytest.fixture(params=["database", "object_store", "event_bus"])
    def part(self, request):
        return request.param

    @pytest.fixture
    def environment(self, environment, part, address):
        changes = {
            "database": {"DATABASE_URL": f"postgresql://media:x@{address}/media"},
            "object_store": {"MINIO_ENDPOINT": address},
            "event_bus": {"NATS_URL": f"nats://{address}"},
        }
        return environment | changes[part]

    @pytest.fixture(params=["refusing", "silent"])
    def address(self, request):
        """An address that nobody listens at, or where somebody does and never says a word."""
        if request.param == "refusing":
            yield NOWHERE
            return
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield "{}:{}".format(*listener.getsockname())

    async def test_health_says_503_without_waiting_for_it(self, api, part):
        async with asyncio.timeout(3):  # its clients would wait for 5 s and more
            response = await api.get("/health")
        assert response.status_code == 503
        assert {name for name, found in response.json()["parts"].items() if found["status"] != "ok"} == {part}

    async def test_live_and_ready_say_what_they_are_asked(self, api, part):
        assert (await api.get("/health/live")).status_code == 200
        assert (await api.get("/health/ready")).status_code == (503 if part == "database" else 200)

    async def test_calls_that_need_it_get_a_503_and_others_work(self, api, user, part):
        response = await api.get("/api/v1/media", headers=user)
        if part == "database":
            assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
            assert response.headers["retry-after"] == "1"
        else:
            assert response.status_code == 200
