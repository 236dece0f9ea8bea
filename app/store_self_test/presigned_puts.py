"""Presigned PUTs: storage takes what was signed, once, and nothing else."""

from collections.abc import Mapping

from app.media import ObjectAddress
from app.store_self_test.finding import Finding, failed, passed
from app.store_self_test.ground import BODY, SIGNED, Ground, without
from app.stored_objects import StoredObject

_ADVICE = "Find out what answers at MINIO_PUBLIC_URL: S3 storage refuses what its signature does not cover."


async def check(ground: Ground, landed: ObjectAddress) -> list[Finding]:
    """Leaves an upload at `landed`. Where an honest PUT is refused, refusals mean nothing, and that is all it says."""
    honest = await ground.send("PUT", ground.upload_url(landed), SIGNED, BODY)
    if not (honest.is_success and await _holds(ground, landed)):
        says = f"an upload as it was signed is not taken (HTTP {honest.status_code})"
        advice = "Run `media provision`; check MINIO_PUBLIC_URL, MINIO_REGION and MINIO_UPLOAD_ACCESS_KEY."
        return [failed("presigned PUT", says, advice)]
    longer, other = BODY + b".", BODY[::-1]
    unhashed = without(SIGNED, "x-amz-checksum-sha256")  # which alone would refuse another length
    return [
        passed("presigned PUT", "an upload as it was signed is taken"),
        await _refuses(ground, "length", unhashed, unhashed | {"content-length": str(len(longer))}, longer),
        await _refuses(ground, "type", unhashed, unhashed | {"content-type": "text/html"}, BODY),
        await _refuses(ground, "checksum", SIGNED, SIGNED, other),
        await _is_write_once(ground, landed, unhashed, other),
    ]


async def _refuses(
    ground: Ground, what: str, signed: Mapping[str, str], sent: Mapping[str, str], body: bytes
) -> Finding:
    if await _is_taken(ground, signed, sent, body):
        return failed(f"signed {what}", f"an upload with another {what} than was signed is taken", _ADVICE)
    return passed(f"signed {what}", f"an upload with another {what} than was signed is refused")


async def _is_write_once(ground: Ground, landed: ObjectAddress, signed: Mapping[str, str], other: bytes) -> Finding:
    """A URL that is used again must not replace what was checked, neither with its if-none-match nor without."""
    await ground.send("PUT", ground.upload_url(landed, signed), signed, other)
    replaced = not await _holds(ground, landed)
    if replaced or await _is_taken(ground, signed, without(signed, "if-none-match"), BODY):
        return failed("write once", "a URL that is used again replaces the upload", _ADVICE)
    return passed("write once", "a URL that is used again changes nothing (if-none-match)")


async def _is_taken(ground: Ground, signed: Mapping[str, str], sent: Mapping[str, str], body: bytes) -> bool:
    address = ground.upload_key()
    answer = await ground.send("PUT", ground.upload_url(address, signed), sent, body)
    return answer.is_success or await ground.worker.look(address, 1) is not None


async def _holds(ground: Ground, address: ObjectAddress) -> bool:
    stored = await ground.worker.look(address, len(BODY))
    return isinstance(stored, StoredObject) and stored.first_bytes == BODY
