"""What every test of invoices needs: an issuer, billing's subject of its own, a service that may make invoices."""

import secrets

import pytest
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from tests.invoices.orders import SAMPLES


@pytest.fixture
def mode():
    """Where uploads land is nothing to invoices."""
    return "in place"


@pytest.fixture
def billing_subject():
    return f"billing.t{secrets.token_hex(8)}.generated"


@pytest.fixture
def environment(stack, mode, database_url, billing_subject):
    return {
        **stack.environment(mode, database_url),
        "INVOICE_ISSUER_FILE": str(SAMPLES / "issuer.json"),
        "BILLING_SUBJECT": billing_subject,
        "REQUEST_RATE_PER_MINUTE": "0",
    }


@pytest.fixture
def service(bearer):
    """Headers of billing-service."""
    return bearer(roles=["service"], scope="media:invoices media:read media:links")


@pytest.fixture
async def durable(bus, durable, billing_subject):
    """The consumer of notifications, and one of InvoiceGenerated with its name."""
    stream = bus.jetstream()
    config = ConsumerConfig(
        durable_name=durable,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=5,
        filter_subject=billing_subject,
    )
    await stream.add_consumer("BILLING", config=config)
    yield durable
    await stream.delete_consumer("BILLING", durable)


@pytest.fixture
def make(api, service):
    """Order an invoice over HTTP."""

    async def make(order, **headers):
        return await api.post(
            "/api/v1/media/invoices/generate-pdf", json=order, headers={**service, **headers}, timeout=30
        )

    return make


@pytest.fixture
def generate(bus, billing_subject):
    """Publish as billing-service does."""

    async def generate(payload):
        await bus.jetstream().publish(billing_subject, payload)

    return generate
