"""The flow with the client that openapi-python-client makes of /docs/openapi.json."""

import os
from pathlib import Path

import httpx
from media_client import AuthenticatedClient
from media_client.api.downloads import download_media
from media_client.api.media import get_media
from media_client.api.uploads import request_upload
from media_client.models import MediaView, PresignedDownload, PresignedUpload, Status, UploadRequest, UploadView

file = Path(os.environ["FILE"])
api = AuthenticatedClient(
    base_url=os.environ["API"],
    token=os.environ["TOKEN"],
    headers={"Accept": "application/json"},  # of a download its URL: the client reads JSON alone
    timeout=httpx.Timeout(60),
)

wanted = UploadRequest(file_name="photo.png", mime_type="image/png", file_size=file.stat().st_size)
asked = request_upload.sync(client=api, body=wanted)
assert isinstance(asked, UploadView), asked
assert isinstance(asked.upload, PresignedUpload), asked
with file.open("rb") as body:
    put = httpx.put(asked.upload.url, headers=asked.upload.headers.additional_properties, content=body, timeout=60)
if put.status_code != 412:
    put.raise_for_status()
media = get_media.sync(asked.id, client=api, prefer="wait=20")
assert isinstance(media, MediaView), media
assert media.status is Status.READY, media
link = download_media.sync(asked.id, client=api)
assert isinstance(link, PresignedDownload), link
Path(os.environ["OUT"]).write_bytes(httpx.get(link.url, timeout=60).raise_for_status().content)
