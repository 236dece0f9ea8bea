"""Whether every write asks for a signature, and whether clients can pass for another storage node.

In place the service relies on both. In quarantine mode, where only copies that were checked are served, they are worth
a warning.
"""

import re
from datetime import UTC, datetime
from typing import Final

from app.config import ApiSettings
from app.media import ObjectAddress
from app.store_self_test.finding import Finding, failed, passed, warned
from app.store_self_test.ground import BODY, SHA256, SIGNED, Ground

_MADE_UP: Final = "0" * 64
_PIECES: Final = f"{len(BODY):x}\r\n{BODY.decode()}\r\n0\r\nx-amz-checksum-sha256:{SHA256}\r\n\r\n".encode()
# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
_IN_PIECES: Final = {
    "content-encoding": "aws-chunked",
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-decoded-content-length": str(len(BODY)),
    "x-amz-trailer": "x-amz-checksum-sha256",
}
_FORGED_ETAG: Final = "0" * 32
_PATCH: Final = "Use a patched storage (silo), put deploy/edge before it"


async def check(ground: Ground) -> list[Finding]:
    """Writes that are not signed, in both ways of sending a body, and headers that only storage nodes may send."""
    return [await _plain(ground), await _in_pieces(ground), await _node_headers(ground)]


async def _plain(ground: Ground) -> Finding:
    address = ground.upload_key()
    await ground.send("PUT", _forged(ground, address), SIGNED, BODY)
    await ground.send("PUT", _unsigned(ground, address), SIGNED, BODY)
    if await ground.worker.look(address, 1) is not None:
        says = "anyone can write where uploads land, without a signature"
        return failed("signatures", says, "Remove bucket policies that allow anonymous writes.")
    return passed("signatures", "a write without one, or with a wrong one, is refused")


async def _in_pieces(ground: Ground) -> Finding:
    address = ground.upload_key()
    await ground.send("PUT", _forged(ground, address), _IN_PIECES, _PIECES)
    await ground.send("PUT", _unsigned(ground, address), _IN_PIECES | _forged_authorization(ground), _PIECES)
    if await ground.worker.look(address, 1) is None:
        return passed("unsigned trailers", "a write in pieces without a right signature is refused")
    says = "those who know an access key id can write what it may write, with no signature (CVE-2026-41145)"
    return _by_mode(ground.settings, "unsigned trailers", says)


async def _node_headers(ground: Ground) -> Finding:
    address = ground.upload_key()
    forged = {**SIGNED, "x-minio-source-etag": _FORGED_ETAG}
    answer = await ground.send("PUT", ground.upload_url(address), forged, BODY)
    if _FORGED_ETAG not in answer.headers.get("etag", ""):
        return passed("node headers", "x-minio-source-* headers of clients are ignored or refused")
    says = "x-minio-source-* headers of clients are believed: they forge ETags and dates, and hold notifications back"
    return _by_mode(ground.settings, "node headers", says)


def _by_mode(settings: ApiSettings, part: str, says: str) -> Finding:
    if settings.storage.quarantine:
        return warned(part, says, f"Only checked copies are served, so nothing must be done. {_PATCH} to end it.")
    return failed(part, says, f"{_PATCH}, or choose quarantine mode (MINIO_BUCKET_INCOMING).")


def _forged(ground: Ground, address: ObjectAddress) -> str:
    return re.sub(r"(?<=X-Amz-Signature=).*", _MADE_UP, ground.upload_url(address))


def _unsigned(ground: Ground, address: ObjectAddress) -> str:
    return ground.upload_url(address).partition("?")[0]


def _forged_authorization(ground: Ground) -> dict[str, str]:
    now, settings = datetime.now(UTC), ground.settings
    scope = f"{settings.uploader.access_key}/{now:%Y%m%d}/{settings.storage.region}/s3/aws4_request"
    names = "host;x-amz-content-sha256;x-amz-date"
    return {
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={_MADE_UP}",
        "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}",
    }
