import pytest

from app.typesetter import Typesetter


@pytest.fixture(scope="session")
def typesetter():
    return Typesetter()
