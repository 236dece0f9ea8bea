import pytest


@pytest.fixture
def mode():
    """What the HTTP entrance says does not depend on the mode."""
    return "in place"
