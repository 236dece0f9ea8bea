"""What the contract tests share beside the stack."""

import pytest

from tests.story import client_of


@pytest.fixture
async def administrator(stack):
    async with client_of(stack, stack.root) as client:
        yield client
