"""Presigned PUTs: storage takes what was signed, once, and nothing else."""

from collections.abc import Mapping

from app.media import ObjectAddress
from app.object_store import StoredObject
from app.store_self_test.finding import Finding, failed, passed
from app.store_self_test.ground import BODY, SIGNED, Ground

_ADVICE = "Find out what answers at MINIO_PUBLIC_URL: S3 storage refuses what its signature does not cover."


async def presigned_puts(ground: Ground, landed: ObjectAddress) -> list[Finding]:
    """Leaves an upload at `landed`. Where an honest PUT is refused, refusals mean nothing, and that is all it says."""
    honest = await ground.send("PUT", ground.upload_url(landed), SIGNED, BODY)
    if not (honest.is_success and await _holds(ground, landed)):
        says = f"an upload as it was signed is not taken (HTTP {honest.status_code})"
        advice = "Run `media provision`; check MINIO_PUBLIC_URL, MINIO_REGION and MINIO_UPLOAD_ACCESS_KEY."
        return [failed("presigned PUT", says, advice)]
    longer, other = BODY + b".", BODY[::-1]
    return [
        passed("presigned PUT", "an upload as it was signed is taken"),
        await _refuses(ground, "signed length", "another length", {"content-length": str(len(longer))}, longer),
        await _refuses(ground, "signed type", "another type", {"content-type": "text/html"}),
        await _refuses(ground, "signed checksum", "another body", {}, other),
        await _is_write_once(ground, landed, other),
    ]


async def _refuses(
    ground: Ground, part: str, what: str, changed: Mapping[str, str | None], body: bytes = BODY
) -> Finding:
    address = ground.upload_key()
    headers = {name: value for name, value in {**SIGNED, **changed}.items() if value is not None}
    answer = await ground.send("PUT", ground.upload_url(address), headers, body)
    if answer.is_success or await ground.worker.look(address, 1) is not None:
        return failed(part, f"{what} than was signed is taken", _ADVICE)
    return passed(part, f"{what} than was signed is refused")


async def _is_write_once(ground: Ground, landed: ObjectAddress, other: bytes) -> Finding:
    """A URL that is used again must not replace what was checked, with its if-none-match or without."""
    once = {name: value for name, value in SIGNED.items() if name != "x-amz-checksum-sha256"}
    url = ground.url(ground.settings.uploader, "PUT", landed, once)
    await ground.send("PUT", url, once, other)
    replaced = not await _holds(ground, landed)
    left_out = await _refuses(ground, "write once", "without if-none-match, other", {"if-none-match": None})
    if replaced or not left_out.ok:
        return failed("write once", "a URL that is used again replaces the upload", _ADVICE)
    return passed("write once", "a URL that is used again changes nothing (if-none-match)")


async def _holds(ground: Ground, address: ObjectAddress) -> bool:
    stored = await ground.worker.look(address, len(BODY))
    return isinstance(stored, StoredObject) and stored.first_bytes == BODY
