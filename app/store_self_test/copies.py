"""Copies: storage computes the SHA-256 of bytes that nobody reads, and keeps it."""

from app.errors import StorageUnavailable
from app.media import ObjectAddress
from app.store_self_test.finding import Finding, failed, passed
from app.store_self_test.ground import SHA256, SIGNED, Ground
from app.stored_objects import Copied


async def check(ground: Ground, landed: ObjectAddress, served: ObjectAddress) -> Finding:
    """Copies as the worker does. Leaves the copy at `served`."""
    if not await _copied(ground, landed, served):
        return failed("copies", "the worker can't copy an upload to where files are served", "Run `media provision`.")
    if await ground.worker.checksum(served, None) != SHA256:
        says = "storage tells no SHA-256 of a copy, so bytes that a client declared can't be proved"
        return failed("copies", says, "Use a storage that takes x-amz-checksum-algorithm on CopyObject, such as silo.")
    return passed("copies", "storage tells a copy's SHA-256")


async def _copied(ground: Ground, landed: ObjectAddress, served: ObjectAddress) -> bool:
    try:
        copy = await ground.finish(ground.worker.copy(landed, served, SIGNED["content-type"]))
    except StorageUnavailable:  # which a refusal is too; a storage that is away is told by what comes next
        return False
    return isinstance(copy, Copied)
