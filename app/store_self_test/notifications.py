"""Notifications: an upload is announced twice, at once (FAST), and from a kept queue up to 3 s later (DURABLE)."""

import asyncio
import contextlib
from typing import Final

from app.errors import BusUnavailable, NeverWorks
from app.event_streams import overhearing
from app.events import NOTIFICATION_SUBJECT, parse_notification
from app.media import ObjectAddress
from app.object_store_admin import NOTIFICATION_TARGETS
from app.store_self_test.finding import Finding, failed, passed
from app.store_self_test.ground import BODY, SIGNED, Ground

_PATIENCE_SECONDS: Final = 6.0


async def check(ground: Ground, *, both: bool) -> Finding:
    """Listens beside the workers, and takes nothing away from them."""
    wanted = len(NOTIFICATION_TARGETS) if both else 1
    try:
        heard = await _announcements(ground, ground.upload_key(), wanted)
    except BusUnavailable as error:
        says = f"event bus unreachable ({type(error.__cause__).__name__})"
        return failed("notifications", says, "Start NATS with JetStream; check NATS_URL.")
    if heard == wanted:
        return passed("notifications", f"an upload is announced{' at once, and again from the kept queue' * both}")
    says = f"of FAST and DURABLE, {heard} announced an upload within {_PATIENCE_SECONDS:.0f} s"
    advice = "Run `media provision`; check that storage reaches NATS and has both targets (MINIO_NOTIFY_NATS_*)."
    return failed("notifications", says, advice)


async def _announcements(ground: Ground, address: ObjectAddress, wanted: int) -> int:
    heard = 0
    async with overhearing(ground.settings.bus, NOTIFICATION_SUBJECT) as messages:
        await ground.send("PUT", ground.upload_url(address), SIGNED, BODY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while heard < wanted:
                    heard += _is_about(address, await anext(messages))
    return heard


def _is_about(address: ObjectAddress, payload: bytes) -> bool:
    with contextlib.suppress(NeverWorks):
        return address in parse_notification(payload)
    return False
