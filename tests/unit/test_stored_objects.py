"""Which headers of a stored object no URL asked for."""

import pytest

from app.stored_objects import CACHE_CONTROL, unusual_headers

USUAL = {
    "ETag": '"a"',
    "Content-Length": "1",
    "Content-Type": "image/png",
    "Last-Modified": "…",
    "x-amz-version-id": "v",
}


def test_the_cache_control_that_is_signed_is_none_of_them():
    assert unusual_headers(USUAL | {"Cache-Control": CACHE_CONTROL}) == ()
    assert unusual_headers(USUAL) == (), "as URLs of the release before leave it"


@pytest.mark.parametrize("other", ["max-age=0", "no-cache", "", CACHE_CONTROL.upper(), f"{CACHE_CONTROL}, no-store"])
def test_any_other_cache_control_is_one(other):
    assert unusual_headers(USUAL | {"cache-control": other}) == ("cache-control",)


def test_all_others_are_named_in_order():
    assert unusual_headers(USUAL | {"X-Amz-Meta-A": "b", "Expires": "…"}) == ("expires", "x-amz-meta-a")
