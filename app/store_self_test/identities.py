"""The signing identities: each can do its one thing.

Asked at both addresses of storage, as the one that clients reach may refuse what the policies would allow. Writes where
none may be come with a checksum that is not the body's: storage would not do them either, but says so differently.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from app.config import Identity
from app.media import ObjectAddress
from app.object_store_admin import refusal_of
from app.store_self_test.finding import Finding, failed, passed
from app.store_self_test.ground import BODY, WRONG_SHA256, Ground

_ADVICE = "Run `media provision`: it leaves each identity with its policy of minio-policies/, and no other."
_WRONG_CHECKSUM = {"x-amz-checksum-sha256": WRONG_SHA256}


async def check(ground: Ground, landed: ObjectAddress, served: ObjectAddress) -> list[Finding]:
    """What uploader and downloader may do to two objects, to the buckets, and to where they must not write."""
    uploader, downloader = ground.settings.uploader, ground.settings.downloader
    mine, elsewhere = (landed, served), (ground.copy_key(), ground.invoice_key())
    return [
        await _reads(ground, downloader, served),
        _cannot("uploader", "read", await _refused(ground, uploader, "GET", mine)),
        _cannot("uploader", "copy from a source that it names", await _copies_nothing(ground, uploader, mine)),
        _cannot("uploader", "list", await _lists_nothing(ground, uploader)),
        _cannot("uploader", "write elsewhere", await _refused(ground, uploader, "PUT", elsewhere, _WRONG_CHECKSUM)),
        _cannot("downloader", "list", await _lists_nothing(ground, downloader)),
        _cannot("downloader", "write", await _refused(ground, downloader, "PUT", (*mine, *elsewhere), _WRONG_CHECKSUM)),
        # Last, as the objects are gone if it can.
        _cannot("downloader", "delete", await _refused(ground, downloader, "DELETE", mine)),
        _cannot("uploader", "delete", await _refused(ground, uploader, "DELETE", mine)),
    ]


def _cannot(who: str, what: str, refused: bool) -> Finding:  # noqa: FBT001  called with an answer, not with a switch
    if refused:
        return passed(who, f"can't {what}")
    return failed(who, f"can {what}, and so can whoever has one of its URLs or its secret", _ADVICE)


async def _reads(ground: Ground, downloader: Identity, served: ObjectAddress) -> Finding:
    """Its refusals would mean nothing if it were refused everything."""
    answer = await ground.send("GET", ground.url(downloader, "GET", served))
    if answer.content == BODY:
        return passed("downloader", "reads what is served")
    advice = "Run `media provision`; check MINIO_DOWNLOAD_ACCESS_KEY and its secret."
    return failed("downloader", f"can't read what is served (HTTP {answer.status_code})", advice)


async def _refused(
    ground: Ground,
    identity: Identity,
    method: str,
    addresses: Iterable[ObjectAddress],
    headers: Mapping[str, str] | None = None,
) -> bool:
    answers = [
        await ground.send(
            method,
            ground.url(identity, method, address, headers or {}, base_url=base_url),
            headers or {},
            BODY if method == "PUT" else None,
        )
        for address in addresses
        for base_url in ground.base_urls
    ]
    return all(answer.status_code == HTTPStatus.FORBIDDEN for answer in answers)


async def _copies_nothing(ground: Ground, uploader: Identity, sources: Iterable[ObjectAddress]) -> bool:
    """The header that names a source need not be signed: whoever has a URL can send it along."""
    answers = [
        await ground.send(
            "PUT",
            ground.url(uploader, "PUT", ground.upload_key(), base_url=base_url),
            {"x-amz-copy-source": f"/{source.bucket}/{source.key}"},
        )
        for source in sources
        for base_url in ground.base_urls
    ]
    return not any(answer.is_success for answer in answers)


async def _lists_nothing(ground: Ground, identity: Identity) -> bool:
    storage = ground.settings.storage
    buckets = {storage.bucket_incoming, storage.bucket_media, storage.bucket_invoices}
    return None not in [await refusal_of(storage, identity, bucket) for bucket in sorted(buckets)]
