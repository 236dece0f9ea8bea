import pytest

from app.typesetting.typesetter import Typesetter


@pytest.fixture(scope="session")
def typesetter():
    return Typesetter()
