"""The presigned PUT of a pending media object, as clients get it. Pure."""

from datetime import datetime

import msgspec

from app.media import MediaObject, Status, Url
from app.presign import Signer
from app.stored_objects import CACHE_CONTROL


class PresignedUpload(msgspec.Struct, frozen=True):
    """The PUT that storage takes until `expires_at`, once.

    The body has `content_length` bytes, which HTTP clients send as Content-Length themselves; every header of `headers`
    is sent as it stands. All of it is signed. A 412 to a PUT that is sent again says that the bytes are there.
    """

    method: str
    url: Url
    headers: dict[str, str]
    content_length: int
    expires_at: datetime


def presigned_upload(pending: MediaObject, signer: Signer) -> PresignedUpload | None:
    """None unless the object is pending.

    The URL is dated to the row's creation, so it is the same until the upload is renewed: then it lives longer.
    """
    if pending.status != Status.PENDING or pending.upload_expires_at is None:
        return None
    headers = {
        "cache-control": CACHE_CONTROL,
        "content-type": pending.mime_type,
        "if-none-match": "*",
    }
    if pending.declared_checksum_sha256:
        headers["x-amz-checksum-sha256"] = pending.declared_checksum_sha256
    signed_at = pending.created_at.replace(microsecond=0)
    url = signer.presign(
        "PUT",
        pending.lands_at.bucket,
        pending.lands_at.key,
        now=signed_at,
        expires_seconds=round((pending.upload_expires_at - signed_at).total_seconds()),
        headers={"content-length": str(pending.file_size), **headers},
    )
    return PresignedUpload("PUT", url, headers, pending.file_size, pending.upload_expires_at)
