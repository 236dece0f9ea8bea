"""Whatever a client sends, as whoever, the answer is one that the API's own document allows: never a 5xx."""

import pytest

from tests.attacks.fuzzing import fuzzed

SERVICE = {"roles": ["service"], "scope": "media:read media:write media:links media:invoices"}
# An admin gets through everywhere, so every boundary of every parameter is tried as one; `make fuzz` tries all as all.
PHASES = {
    "nobody": "fuzzing",
    "user": "fuzzing,stateful",
    "service": "fuzzing",
    "admin": "coverage",
}


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("role", PHASES)
def test_every_answer_is_one_that_the_document_allows(served_for_ever, bearer, role, tmp_path):
    headers = {"nobody": {}, "user": bearer(), "service": bearer(**SERVICE), "admin": bearer(roles=["admin"])}[role]
    found = fuzzed(served_for_ever.url, headers, tmp_path, PHASES[role])
    assert found.returncode == 0, found.stdout + found.stderr
