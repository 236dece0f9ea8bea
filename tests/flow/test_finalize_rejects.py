"""What is not what was declared ends rejected: its bytes are gone, and why is said once."""

import json

import pytest

from tests import samples
from tests.story import (
    ask,
    complete,
    download,
    gone,
    land,
    lands_at,
    put,
    settled,
    sha256_of,
    storage_code,
    stored,
    unique_png,
    write,
)

# Headers that storage keeps with the object although the URL did not ask for them.
KEPT = {
    "Content-Disposition": "inline",
    "Content-Encoding": "gzip",
    "Content-Language": "xx",
    "Expires": "Thu, 01 Jan 2099 00:00:00 GMT",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "x-amz-tagging": "a=b",
}
# Headers that storage refuses, as they are not signed, not allowed to the uploader, or need what is not set up.
REFUSED = {
    "cache-control": ("max-age=0", 403, "SignatureDoesNotMatch"),  # a browser's own, beside if-none-match
    "x-amz-meta-a": ("b", 400, "AccessDenied"),
    "x-amz-meta-x-minio-internal-compression": ("x", 400, "AccessDenied"),
    "x-minio-internal-compression": ("x", 400, "InvalidArgument"),
    "x-amz-object-lock-legal-hold": ("ON", 400, "InvalidRequest"),
    "x-amz-object-lock-mode": ("GOVERNANCE", 400, "InvalidRequest"),
    "x-amz-replication-status": ("REPLICA", 403, "AccessDenied"),
    "x-amz-server-side-encryption": ("AES256", 501, "NotImplemented"),
    "x-amz-write-offset-bytes": ("0", 400, "BadRequest"),
}
# Headers that storage takes and forgets.
FORGOTTEN = {
    "x-amz-acl": "public-read",
    "x-amz-grant-read": "uri=http://acs.amazonaws.com/groups/global/AllUsers",
    "x-amz-website-redirect-location": "https://elsewhere.test/",
}
OURS = {"cache-control", "content-disposition", "content-type"}  # signed by the PUT, and said by the presigned GET


@pytest.mark.parametrize(
    ("declared", "data"),
    [
        pytest.param("application/pdf", samples.png(9, 7, size=777), id="a PNG declared as PDF"),
        pytest.param("image/png", samples.html(), id="HTML declared as PNG"),
        pytest.param("application/pdf", samples.zip_file(), id="a ZIP declared as PDF"),
        pytest.param("application/pdf", bytes(20 * 1024) + samples.pdf(), id="a PDF behind zeros"),
        pytest.param("image/jpeg", samples.random_bytes(5000, seed=7), id="random bytes"),
        pytest.param("image/png", samples.svg(), id="SVG declared as PNG"),
    ],
)
async def test_another_type_than_declared_is_rejected_and_gone(
    api, storage, user, rows, worker, events, administrator, environment, declared, data
):
    asked = await land(api, storage, user, data, declared)
    media = await settled(api, user, asked["id"])
    assert (media["status"], media["rejection_reason"]) == ("rejected", "type_mismatch")
    message = await events.next(asked["id"])
    assert message.subject == "media.rejected"
    assert json.loads(message.data)["rejection_reason"] == "type_mismatch"
    await gone(administrator, environment, data)
    refused = await api.get(f"/api/v1/media/{asked['id']}/download", headers=user)
    assert (refused.status_code, refused.json()["code"]) == (409, "media_not_ready")
    await complete(api, user, asked["id"])
    await events.none_more(asked["id"])


async def test_a_size_or_a_checksum_that_storage_did_not_enforce_is_rejected(
    api, user, administrator, environment, rows, idle_worker
):
    data = unique_png()
    for landed, reason in ((data + b"\0", "size_mismatch"), (b"", "size_mismatch"), (data, "checksum_mismatch")):
        asked = await ask(api, user, data, checksum_sha256=sha256_of(b"other bytes"))
        await write(administrator, lands_at(asked), landed)
        answer = (await complete(api, user, asked["id"])).json()
        assert (answer["status"], answer["rejection_reason"]) == ("rejected", reason)
    assert await stored(administrator, environment, data) == set()


async def test_a_header_that_the_url_did_not_ask_for_is_rejected_or_dropped(
    api, storage, user, mode, administrator, environment
):
    for name, value in KEPT.items():
        data = unique_png()
        asked = await ask(api, user, data)
        response = await put(storage, asked, data, **{name: value})
        assert response.status_code == 200, response.text
        media = (await complete(api, user, asked["id"])).json()
        if mode == "in place":
            assert (media["status"], media["rejection_reason"]) == ("rejected", "unrequested_headers"), name
            assert await stored(administrator, environment, data) == set()
        else:
            assert media["status"] == "ready", name
            await _assert_served_plainly(api, storage, user, asked["id"], data)


async def test_a_header_that_storage_forgets_is_not_served(api, storage, user):
    for name, value in FORGOTTEN.items():
        data = unique_png()
        asked = await ask(api, user, data)
        assert (await put(storage, asked, data, **{name: value})).status_code == 200
        assert (await complete(api, user, asked["id"])).json()["status"] == "ready", name
        await _assert_served_plainly(api, storage, user, asked["id"], data)
        strangers = await storage.get(asked["upload"]["url"].partition("?")[0])
        assert strangers.status_code == 403, name


async def test_a_header_that_storage_refuses_leaves_nothing_behind(api, storage, user, administrator, environment):
    data = unique_png()
    key = sha256_of(b"")
    encrypted = {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": key,
        "x-amz-server-side-encryption-customer-key-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==",
    }
    attempts = [({name: value}, status, code) for name, (value, status, code) in REFUSED.items()]
    for headers, status, code in [*attempts, (encrypted, 400, "InvalidRequest")]:
        asked = await ask(api, user, data)
        response = await put(storage, asked, data, **headers)
        assert (response.status_code, storage_code(response)) == (status, code), headers
    assert await stored(administrator, environment, data) == set()


async def _assert_served_plainly(api, storage, user, media_id, data):
    served = await download(api, storage, user, media_id)
    assert (served.status_code, served.content) == (200, data)
    smuggled = {name.lower() for name in (*KEPT, *FORGOTTEN)} | {"cache-control", "x-amz-tagging-count"}
    assert smuggled & set(served.headers) <= OURS
    assert served.headers["cache-control"] == "private, max-age=86400, immutable"
    assert served.headers["content-disposition"] == 'attachment; filename="photo.png"'
    assert served.headers["content-type"] == "image/png"
