"""What NATS says: to billing-service and its like on stream MEDIA, and from storage to the service on MINIO_EVENTS."""

import asyncio
import json
from collections import Counter
from urllib.parse import unquote_plus

from nats.js.api import DeliverPolicy

_PATIENCE_SECONDS = 15


class Events:
    """Every event from now on."""

    def __init__(self, subscription):
        self._subscription = subscription
        self._heard = []

    @classmethod
    async def begin(cls, bus):
        return cls(await _from_now_on(bus, "media.*"))

    async def about(self, media_id, *, until):
        """All that was said of a media object, up to and with the event of type `until`."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                said = [event for event in self._heard if event["media_id"] == media_id]
                if any(event["event_type"] == until for event in said):
                    return said
                message = await self._subscription.next_msg(timeout=None)
                self._heard.append(json.loads(message.data))

    async def of_context(self, context_id):
        """The first that is said of a media object of this context."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                for event in self._heard:
                    if event["context_id"] == context_id:
                        return event
                self._heard.append(json.loads((await self._subscription.next_msg(timeout=None)).data))


class Notifications:
    """Every bucket notification from now on."""

    def __init__(self, bus, subscription):
        self._bus = bus
        self._subscription = subscription

    @classmethod
    async def begin(cls, bus):
        return cls(bus, await _from_now_on(bus, "minio.events"))

    async def all_handled(self, keys, *, copies):
        """Return once each object was notified so many times, and the service has acknowledged every one of them."""
        heard = Counter()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while min(heard[key] for key in keys) < copies:
                message = await self._subscription.next_msg(timeout=None)
                heard.update(
                    unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(message.data)["Records"]
                )
            last = message.metadata.sequence.stream
            while True:
                consumer = await self._bus.jetstream().consumer_info("MINIO_EVENTS", "media-finalize")
                if consumer.ack_floor.stream_seq >= last:
                    return
                await asyncio.sleep(0.02)


async def _from_now_on(bus, subject):
    return await bus.jetstream().subscribe(subject, ordered_consumer=True, deliver_policy=DeliverPolicy.NEW)
