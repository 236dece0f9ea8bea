"""What the tests of the flow share beside the stack."""

import asyncio

import pytest
from nats.js.api import DeliverPolicy

from app.errors import NeverWorks
from app.events import NOTIFICATION_STREAM, NOTIFICATION_SUBJECT, parse_notification
from tests.flow.interrupted import finalizing


def _named(payload):
    """Where a notification says to look; tests send some that say nothing."""
    try:
        return set(parse_notification(payload))
    except NeverWorks:
        return set()


class Notifications:
    """Storage's own notifications from now on, as the stream has them, and who has taken them."""

    def __init__(self, stream, subscription):
        self._stream = stream
        self._subscription = subscription

    async def next(self, address):
        """The number of the next one about this key."""
        async with asyncio.timeout(10):
            while True:
                message = await self._subscription.next_msg(timeout=10)
                if address in _named(message.data):
                    return message.metadata.sequence.stream

    async def taken(self, sequence, durable):
        """Until the message with this number, and all before it, are acknowledged or parked."""
        async with asyncio.timeout(10):
            while True:
                info = await self._stream.consumer_info(NOTIFICATION_STREAM, durable)
                if info.ack_floor.stream_seq >= sequence:
                    return
                await asyncio.sleep(0.01)


@pytest.fixture
async def notifications(bus):
    stream = bus.jetstream()
    subscription = await stream.subscribe(NOTIFICATION_SUBJECT, ordered_consumer=True, deliver_policy=DeliverPolicy.NEW)
    return Notifications(stream, subscription)


@pytest.fixture
async def finalize(environment):
    async with finalizing(environment) as step:
        yield step
