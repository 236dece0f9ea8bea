"""The whole story at DEBUG, and no log of any process holds what is secret or a user's own."""

import json

import pytest

from tests.stories.secrecy import leaks
from tests.stories.verbs import make_ready, sample

NAME = "Divorce papers of Anna K\u00f6nig.pdf"


async def test_nothing_secret_is_in_any_log(running, user, anyone, callers):
    made = await make_ready(user, anyone, sample("pdf"), is_public=True, file_name=NAME)
    media = made[1]
    url = f"/api/v1/media/{media['id']}"
    for refused in (
        {"token": "eyJhbGciOiJIUzI1NiJ9.e30.x"},
        {"token": media["download_url"].partition("token=")[2] + "x"},
    ):
        assert (await anyone.get(f"{url}/download", params=refused)).status_code == 401
    assert (await anyone.get(media["download_url"], follow_redirects=True)).status_code == 200
    assert (await callers["other_user"].get(url)).status_code == 404
    assert (await user.post("/api/v1/media/upload", json={"file_name": NAME, "file_size": "x"})).status_code == 400
    assert (await user.post("/api/v1/media/upload", content=NAME.encode())).status_code == 415
    assert (await user.get(f"/api/v1/media/{NAME}")).status_code in (400, 404)
    assert (await user.patch(url, json={"original_file_name": NAME}, headers={"If-Match": "*"})).status_code == 200
    assert (await user.delete(url)).status_code == 204

    logs = {log.stem.rstrip("0123456789-.") for log in (running.data_dir / "logs").iterdir()}
    assert logs >= {"api", "worker", "minio", "nats", "postgres"}
    assert '"level": "debug"' in "".join(log.read_text() for log in (running.data_dir / "logs").glob("worker*"))
    assert leaks(running.data_dir, [NAME, sample("pdf").name]) == []


@pytest.mark.parametrize(
    "line",
    [
        "PUT /media/x?X-Amz-Signature=0a1b",
        "got eyJhbGciOiJIUzI1NiJ9.e30.x",
        "GET /files/1/download?token=abc",
        "authorization: Bearer abcdefgh",
        "connecting with hunter2-hunter2",
        json.dumps({"name": NAME}),
        "attachment; filename*=UTF-8''Divorce%20papers%20of%20Anna%20K%C3%B6nig.pdf",
    ],
)
def test_whatever_would_leak_is_found(tmp_path, line):
    (tmp_path / "secrets.json").write_text('{"nats_password": "hunter2-hunter2", "user_id": "me"}')
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "api.log").write_text(f"all is well with me\n{line}\n")
    assert len(leaks(tmp_path, [NAME])) == 1
