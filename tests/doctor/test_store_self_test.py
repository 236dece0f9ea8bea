"""The store's self-test: passes where the store does what the design relies on, and sees each property that is broken.

That it leaves nothing behind is asserted after every test, by the deployment's fixture.
"""

import asyncio
import json
import re

import pytest
from miniopy_async.credentials.providers import StaticProvider
from miniopy_async.minioadmin import MinioAdmin
from miniopy_async.notificationconfig import NotificationConfig, PrefixFilterRule, QueueConfig

from app.config import api_settings
from app.doctor import examine
from app.errors import StorageUnavailable
from app.object_store_admin import NOTIFICATION_TARGETS, NOTIFIED_EVENTS, NOTIFIED_PREFIX
from app.store_self_test import Verdict, presigned_puts, self_test
from app.store_self_test.ground import SIGNED, Ground, without
from tests.doctor.conftest import left_in

NOWHERE = "127.0.0.1:9"
OF_COMMUNITY_MINIO = {"unsigned trailers", "node headers"}
ROLES = {"worker": "MINIO", "uploader": "MINIO_UPLOAD", "downloader": "MINIO_DOWNLOAD"}


async def said(environment):
    """What is not a pass, as (verdict, part, what it means); each says what to do."""
    findings = await self_test(api_settings(environment), quick=True)
    assert all((finding.verdict is Verdict.PASS) == (not finding.advice) for finding in findings)
    return {(finding.verdict, finding.part, finding.says) for finding in findings if finding.advice}


async def complaints(environment):
    return {(part, says) for verdict, part, says in await said(environment) if verdict is Verdict.FAIL}


async def test_in_quarantine_it_passes_and_warns_of_what_community_minio_lacks(environment):
    found = await said(environment)
    assert {(verdict, part) for verdict, part, _ in found} == {(Verdict.WARN, part) for part in OF_COMMUNITY_MINIO}
    assert any("CVE-2026-41145" in says for _, _, says in found)


@pytest.mark.parametrize("mode", ["in place"])
async def test_in_place_it_fails_without_an_edge(environment):
    found = await said(environment)
    assert {(verdict, part) for verdict, part, _ in found} == {(Verdict.FAIL, part) for part in OF_COMMUNITY_MINIO}


@pytest.mark.parametrize("mode", ["in place", "quarantine"])
async def test_behind_the_edge_all_of_it_passes(environment, edge):
    url, _ = edge
    assert await self_test(api_settings(environment | {"MINIO_PUBLIC_URL": url}))
    assert await said(environment | {"MINIO_PUBLIC_URL": url}) == set()


async def test_an_upload_is_heard_of_twice(environment):
    findings = {finding.part: finding for finding in await self_test(api_settings(environment))}
    assert findings["notifications"].says == "an upload is announced at once, and again from the kept queue"


@pytest.mark.parametrize(
    ("name", "part", "says"),
    [
        ("content-length", "signed length", "an upload with another length than was signed is taken"),
        ("content-type", "signed type", "an upload with another type than was signed is taken"),
        ("x-amz-checksum-sha256", "signed checksum", "an upload with another checksum than was signed is taken"),
        ("if-none-match", "write once", "a URL that is used again replaces the upload"),
    ],
)
async def test_a_header_that_binds_nothing_is_seen(environment, monkeypatch, name, part, says):
    """As with a storage that does not look at it: here it is left out of what is signed."""
    url = Ground.upload_url

    def upload_url(self, address, headers=SIGNED):
        return url(self, address, without(headers, name))

    monkeypatch.setattr(Ground, "upload_url", upload_url)
    if name == "x-amz-checksum-sha256":  # storage looks at that one though it is not signed
        monkeypatch.setattr(presigned_puts, "SIGNED", without(SIGNED, name))
    assert (part, says) in await complaints(environment)


async def test_an_honest_upload_that_is_refused_is_said_instead_of_what_follows(environment):
    found = await complaints(environment | {"MINIO_UPLOAD_SECRET_KEY": "not this one"})
    assert ("presigned PUT", "an upload as it was signed is not taken (HTTP 403)") in found
    assert {part for part, _ in found} == {"presigned PUT", "notifications"}


@pytest.fixture
def change_policy(stack, environment, administrator):
    """Give an identity's policy another action, or keep all but one from it."""

    async def change(role, *, allow=(), deny=(), tmp_path):
        name = f"{environment['MINIO_BUCKET_MEDIA']}-{role}"
        admin = MinioAdmin(
            stack.minio_endpoint,
            StaticProvider(stack.root.access_key, stack.root.secret_key),
            region="us-east-1",
            secure=False,
            session=administrator._session,
        )
        policy = json.loads(await admin.policy_info(name))
        policy = policy.get("policy", policy.get("Policy", policy))
        for effect, actions in (("Allow", allow), ("Deny", deny)):
            if actions:
                added = {"Effect": effect, "Action": list(actions), "Resource": ["arn:aws:s3:::*"]}
                policy["Statement"].append(added)
        file = tmp_path / "policy.json"
        file.write_text(json.dumps(policy))
        await admin.policy_add(name, str(file))

    return change


@pytest.mark.parametrize(
    ("role", "action", "cans"),
    [
        ("uploader", "s3:GetObject", {"read", "copy from a source that it names"}),
        ("uploader", "s3:ListBucket", {"list"}),
        ("uploader", "s3:DeleteObject", {"delete"}),
        ("uploader", "s3:PutObject", {"write elsewhere"}),
        ("downloader", "s3:PutObject", {"write"}),
        ("downloader", "s3:ListBucket", {"list"}),
        ("downloader", "s3:DeleteObject", {"delete"}),
    ],
)
async def test_an_identity_that_can_do_more_is_seen(environment, change_policy, tmp_path, role, action, cans):
    await change_policy(role, allow=[action], tmp_path=tmp_path)
    meaning = "and so can whoever has one of its URLs or its secret"
    assert await complaints(environment) == {(role, f"can {can}, {meaning}") for can in cans}


async def test_an_identity_that_can_do_more_is_seen_behind_the_edge_too(environment, edge, change_policy, tmp_path):
    """The edge refuses DELETE whoever asks, but it is not what keeps the uploader from it."""
    await change_policy("uploader", allow=["s3:DeleteObject"], tmp_path=tmp_path)
    assert {part for part, _ in await complaints(environment | {"MINIO_PUBLIC_URL": edge[0]})} == {"uploader"}


async def test_a_worker_that_can_not_copy_is_seen(environment, change_policy, tmp_path):
    await change_policy("worker", deny=["s3:PutObject"], tmp_path=tmp_path)
    assert ("copies", "the worker can't copy an upload to where files are served") in await complaints(environment)


async def test_a_copy_without_a_checksum_is_seen(environment, monkeypatch):
    async def tells_none(*_):
        return None

    monkeypatch.setattr("app.object_store.ObjectStore.checksum", tells_none)
    (found,) = await complaints(environment)
    assert found == ("copies", "storage tells no SHA-256 of a copy, so bytes that a client declared can't be proved")


async def test_a_downloader_that_can_not_read_is_seen(environment, change_policy, tmp_path):
    await change_policy("downloader", deny=["s3:GetObject"], tmp_path=tmp_path)
    assert await complaints(environment) == {("downloader", "can't read what is served (HTTP 403)")}


async def test_anonymous_writes_are_seen(environment, administrator):
    bucket = environment["MINIO_BUCKET_INCOMING"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }
    await administrator.set_bucket_policy(bucket, json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert ("signatures", "anyone can write where uploads land, without a signature") in await complaints(environment)


@pytest.mark.parametrize(("targets", "heard"), [(NOTIFICATION_TARGETS[:1], 1), (NOTIFICATION_TARGETS[1:], 1), ((), 0)])
async def test_a_notification_target_that_was_removed_is_seen(environment, administrator, monkeypatch, targets, heard):
    monkeypatch.setattr("app.store_self_test.notifications._PATIENCE_SECONDS", 4)
    rule = PrefixFilterRule(NOTIFIED_PREFIX)
    queues = [QueueConfig(target, list(NOTIFIED_EVENTS), prefix_filter_rule=rule) for target in targets]
    configured = NotificationConfig(queue_config_list=queues)
    await administrator.set_bucket_notification(environment["MINIO_BUCKET_INCOMING"], configured)
    findings = {finding.part: finding for finding in await self_test(api_settings(environment))}
    assert findings["notifications"].verdict is Verdict.FAIL
    assert findings["notifications"].says == f"of FAST and DURABLE, {heard} announced an upload within 4 s"


async def test_a_bus_that_is_away_is_seen(environment):
    ((part, says),) = await complaints(environment | {"NATS_URL": f"nats://{NOWHERE}"})
    assert (part, says[:21]) == ("notifications", "event bus unreachable")


async def test_a_storage_that_is_away_is_no_finding(environment):
    away = api_settings(environment | {"MINIO_PUBLIC_URL": f"http://{NOWHERE}"})
    with pytest.raises(StorageUnavailable):
        await self_test(away)
    found = {finding.part: finding.says async for finding in examine(away, strict=True) if not finding.ok}
    assert list(found) == ["storage address", "store self-test"]
    assert found["store self-test"].startswith("not done")


async def test_no_finding_shows_a_secret(environment):
    findings = await self_test(api_settings(environment), quick=True)
    secrets = [value for name, value in environment.items() if re.search("SECRET|PASSWORD|ACCESS_KEY", name)]
    assert not [secret for secret in secrets if secret in repr(findings)]


@pytest.mark.parametrize("mode", ["in place", "quarantine"])
@pytest.mark.parametrize("request_number", [1, 3, 7, 10, 20])
async def test_whenever_it_is_interrupted_nothing_is_left(environment, administrator, monkeypatch, request_number):
    """The interruption comes while a request is under way; its answer is not awaited."""
    finish, made = Ground.finish, 0

    async def finish_but_stop(self, request):
        nonlocal made
        made += 1
        if made == request_number:
            test.cancel()
        return await finish(self, request)

    monkeypatch.setattr(Ground, "finish", finish_but_stop)
    test = asyncio.create_task(self_test(api_settings(environment), quick=True))
    with pytest.raises(asyncio.CancelledError):
        await test
    assert made >= request_number
    assert await left_in(administrator, environment) == []
