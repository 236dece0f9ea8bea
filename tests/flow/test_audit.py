"""Audit: each thing that was done is one entry, by whoever did it; and entries stay as they were written."""

import asyncpg
import pytest

from tests.story import ask, complete, land, link_to, make_ready, pass_time, unique_png

pytestmark = pytest.mark.parametrize("mode", ["in place"])  # what is remembered does not depend on it

NAME = "secret-holiday.png"


async def entries(rows, media_id):
    """Action, kind of actor, and outcome of each, oldest first."""
    found = await rows.fetch("SELECT * FROM media.audit WHERE media_id = $1 ORDER BY id", media_id)
    assert all((entry["actor"] is None) == (entry["actor_kind"] in ("link", "system")) for entry in found)
    return [(entry["action"], entry["actor_kind"], entry["outcome"]) for entry in found]


ASKED = ("upload.requested", "user", None)
READY = ("upload.finalized", "system", "ready")


@pytest.mark.parametrize(
    ("kind", "claims"),
    [
        ("user", {}),
        ("service", {"roles": ["service"], "scope": "media:write media:read"}),
        ("admin", {"roles": ["admin"]}),
        ("admin", {"roles": ["service", "admin"]}),
    ],
    ids=["user", "service", "admin", "admin and service"],
)
async def test_the_life_of_an_object_is_told_by_who_did_what(api, storage, rows, bearer, kind, claims):
    caller = bearer(**claims)
    asked = await make_ready(api, storage, caller, unique_png(), file_name=NAME, is_public=True)
    url = f"/api/v1/media/{asked['id']}"
    await link_to(api, caller, asked["id"])
    await api.patch(url, json={"original_file_name": f"new-{NAME}"}, headers=caller | {"If-Match": "*"})
    assert (await api.delete(url, headers=caller)).status_code == 204
    assert await entries(rows, asked["id"]) == [
        ("upload.requested", kind, None),
        READY,
        ("link.issued", kind, None),
        ("media.changed", kind, None),
        ("media.deleted", kind, "deleted"),
    ]


async def test_what_changes_nothing_is_no_entry(api, storage, rows, user):
    asked = await make_ready(api, storage, user, unique_png())
    await complete(api, user, asked["id"])
    await api.get(f"/api/v1/media/{asked['id']}", headers=user)
    await api.patch(f"/api/v1/media/{asked['id']}", json={}, headers=user | {"If-Match": '"0"'})
    assert await entries(rows, asked["id"]) == [ASKED, READY]


async def test_a_retried_request_is_one_entry(api, rows, user):
    key = {"Idempotency-Key": "once"}
    asked = [await ask(api, user, b"x", headers=key) for _ in range(2)]
    assert await entries(rows, asked[0]["id"]) == [ASKED]
    await api.delete(f"/api/v1/media/{asked[0]['id']}", headers=user)
    await api.delete(f"/api/v1/media/{asked[0]['id']}", headers=user)
    assert await entries(rows, asked[0]["id"]) == [ASKED, ("media.deleted", "user", "expired")]


async def test_a_link_by_a_temporary_token_is_of_nobody(api, storage, rows, user):
    asked = await make_ready(api, storage, user, unique_png(), is_public=True)
    media = (await api.get(f"/api/v1/media/{asked['id']}", headers=user)).json()
    token = media["download_url"].partition("token=")[2]
    assert (await api.get(f"/files/{asked['id']}", params={"token": token})).status_code == 302
    assert (await api.get(f"/files/{asked['id']}", params={"token": f"{token}x"})).status_code == 401
    assert await entries(rows, asked["id"]) == [ASKED, READY, ("link.issued", "link", None)]


async def test_many_links_are_an_entry_for_each_that_is_handed_out(api, storage, rows, user, bearer):
    ready = (await make_ready(api, storage, user, unique_png()))["id"]
    pending = (await ask(api, user, b"x"))["id"]
    linker = bearer(roles=["service"], scope="media:links")
    await api.post("/api/v1/media/download-urls", json={"ids": [ready, pending]}, headers=linker)
    assert await entries(rows, ready) == [ASKED, READY, ("link.issued", "service", None)]
    assert await entries(rows, pending) == [ASKED]


async def test_revocations_are_remembered_by_who_made_them(api, rows, user, bearer):
    asked = await ask(api, user, b"x")
    for caller in (user, bearer(roles=["admin"]), bearer()):
        await api.post(f"/api/v1/media/{asked['id']}/revoke-links", headers=caller)
    assert await entries(rows, asked["id"]) == [
        ASKED, ("links.revoked", "user", None), ("links.revoked", "admin", None),
    ]  # fmt: skip


async def test_an_admin_s_retry_and_purge_are_remembered(api, storage, rows, user, bearer):
    admin = bearer(roles=["admin"])
    asked = await land(api, storage, user, unique_png())
    for action in ("retry", "retry", "purge", "purge"):
        await api.post(f"/api/v1/admin/media/{asked['id']}/{action}", headers=admin)
    assert await entries(rows, asked["id"]) == [
        ASKED,
        READY,
        ("upload.retried", "admin", "ready"),
        ("media.deleted", "admin", "deleted"),
        ("media.purged", "admin", None),
        ("media.purged", "admin", None),
    ]


async def test_a_rejection_is_remembered_with_its_reason(api, storage, rows, user):
    asked = await land(api, storage, user, b"no PNG at all")
    await complete(api, user, asked["id"])
    assert await entries(rows, asked["id"]) == [ASKED, ("upload.finalized", "system", "type_mismatch")]


async def test_an_expiry_is_the_service_s_own(api, storage, rows, user, idle_worker):
    asked = await make_ready(api, storage, user, unique_png(), expires_at="2100-01-01T00:00:00Z")
    await rows.execute("UPDATE media.media_objects SET expires_at = now() + interval '1 minute'")
    await pass_time(rows, asked["id"], 120)
    await idle_worker.expire()
    assert (await entries(rows, asked["id"]))[2:] == [("media.expired", "system", None)]


async def test_no_entry_holds_a_url_or_a_file_name(api, storage, rows, user, bearer):
    asked = await make_ready(api, storage, user, unique_png(), file_name=NAME, is_public=True)
    link = await link_to(api, user, asked["id"])
    await api.post(f"/api/v1/admin/media/{asked['id']}/purge", headers=bearer(roles=["admin"]))
    told = "\n".join([str(dict(row)) for row in await rows.fetch("SELECT * FROM media.audit")])
    key = await rows.fetchval("SELECT storage_path FROM media.media_objects")
    for secret in ("holiday", "http", "token", "X-Amz", key, link, asked["file_name"]):
        assert secret not in told
    columns = await rows.fetch("SELECT column_name FROM information_schema.columns WHERE table_name = 'audit'")
    assert {row["column_name"] for row in columns} == {
        "id", "at", "actor", "actor_kind", "action", "media_id", "outcome",
    }  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE media.audit SET actor_kind = 'system', actor = NULL",
        "UPDATE media.audit SET at = now() WHERE false",
        "DELETE FROM media.audit",
        "DELETE FROM media.audit WHERE false",
        "TRUNCATE media.audit",
        "TRUNCATE media.media_objects, media.audit CASCADE",
        """INSERT INTO media.audit (id, actor_kind, action) OVERRIDING SYSTEM VALUE
           VALUES (1, 'system', 'media.expired') ON CONFLICT (id) DO UPDATE SET action = 'media.deleted'""",
    ],
)
async def test_what_was_written_stays(api, rows, user, statement):
    await ask(api, user, b"x")
    before = await rows.fetch("SELECT * FROM media.audit")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await rows.execute(statement)
    assert refused.value.constraint_name == "audit_is_append_only"
    assert await rows.fetch("SELECT * FROM media.audit") == before
