"""The store's self-test: proves on the configured storage, where clients reach it, what the design relies on.

Writes a few objects of its own and removes all of them, also when it is interrupted. Each finding says what was seen,
what it means and what to do.
"""

import asyncio

from app.config import ApiSettings
from app.store_self_test import copies, identities, notifications, presigned_puts, signatures
from app.store_self_test.address import public_address
from app.store_self_test.finding import Finding, Verdict
from app.store_self_test.ground import Ground, open_ground

__all__ = ["Finding", "Verdict", "public_address", "self_test"]


async def self_test(settings: ApiSettings, *, quick: bool = False) -> list[Finding]:
    """Takes as long as the slower notification, 3 s; `quick` is content with the first one.

    Raises StorageUnavailable if storage does not answer.
    """
    address = await public_address(settings)
    async with open_ground(settings) as ground:
        announced = asyncio.create_task(
            notifications.check(ground, both=not quick)
        )  # beside the rest, as it takes longest
        try:
            return [*address, *await _objects(ground), await announced]
        finally:
            announced.cancel()
            await asyncio.gather(announced, return_exceptions=True)


async def _objects(ground: Ground) -> list[Finding]:
    landed, served = ground.upload_key(), ground.copy_key()
    puts = await presigned_puts.check(ground, landed)
    if not puts[0].ok:
        return puts  # whatever is refused next would prove nothing
    copied = await copies.check(ground, landed, served)
    return [*puts, copied, *await signatures.check(ground), *await identities.check(ground, landed, served)]
