"""What the tests of the flow share beside the stack."""

import asyncio
import json
from urllib.parse import unquote_plus

import pytest
from nats.js.api import DeliverPolicy

from app.events import NOTIFICATION_STREAM, NOTIFICATION_SUBJECT
from tests.story import client_of


@pytest.fixture
async def administrator(stack):
    async with client_of(stack, stack.root) as client:
        yield client


class Notifications:
    """Storage's own notifications from now on, as the stream has them, and who has taken them."""

    def __init__(self, stream, subscription):
        self._stream = stream
        self._subscription = subscription

    async def next(self, address):
        """The next one about this key."""
        async with asyncio.timeout(10):
            while True:
                message = await self._subscription.next_msg(timeout=10)
                entity = json.loads(message.data)["Records"][0]["s3"]
                if (entity["bucket"]["name"], unquote_plus(entity["object"]["key"])) == (address.bucket, address.key):
                    return message

    async def taken(self, message, durable):
        """Until this message, and all before it, are acknowledged or parked."""
        async with asyncio.timeout(10):
            while True:
                info = await self._stream.consumer_info(NOTIFICATION_STREAM, durable)
                if info.ack_floor.stream_seq >= message.metadata.sequence.stream:
                    return
                await asyncio.sleep(0.01)


@pytest.fixture
async def notifications(bus):
    stream = bus.jetstream()
    subscription = await stream.subscribe(NOTIFICATION_SUBJECT, ordered_consumer=True, deliver_policy=DeliverPolicy.NEW)
    return Notifications(stream, subscription)
