"""What a client prefers: a file or JSON that says where it is, and how long it waits."""

import pytest

from app.api.negotiation import prefers_json, wait_seconds

GETS_JSON = [
    "application/json",
    "APPLICATION/JSON",
    "application/json; charset=utf-8",
    "application/json;q=0.5, image/png;q=0.4",
    "application/json, */*;q=0.8",
    "application/*",
    "text/html, application/json",
]
GETS_THE_FILE = [
    "",
    "*/*",
    "application/json, text/plain, */*",  # axios and Angular
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    "application/json;q=0",
    "application/json;q=0, */*;q=0.1",
    "application/json;q=0.4, image/png;q=0.5",
    "application/problem+json",
    "application/jsonx",
    'text/plain;x="application/json"',
    "garbage;;q=x,,",
]


@pytest.mark.parametrize("accept", GETS_JSON)
def test_json_is_given_where_it_is_preferred(accept):
    assert prefers_json([accept], "image/png")


@pytest.mark.parametrize("accept", GETS_THE_FILE)
def test_the_file_is_given_to_all_others(accept):
    assert not prefers_json([accept], "image/png")


def test_several_headers_are_one_list():
    assert prefers_json(["application/json", "image/*;q=0.1"], "image/png")
    assert not prefers_json(["application/json", "*/*"], "image/png")
    assert not prefers_json([], "image/png")


def test_a_file_that_is_json_itself_can_be_had_either_way():
    assert prefers_json(["application/json"], "application/json")
    assert not prefers_json(["application/json, */*"], "application/json")


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (["wait=20"], 20),
        (["Wait=1"], 1),
        (["WAIT = 1"], 1),
        (['wait="1"'], 1),
        (["respond-async, wait=7"], 7),
        (["respond-async", "wait=7"], 7),
        (["wait=7; x=y"], 7),
        (["wait=3, wait=9"], 3),
        (["wait=3", "wait=9"], 3),
        (["wait=99999"], 30),
        (['x="a,wait=5"'], 0),
        (["wait"], 0),
        (["wait="], 0),
        (["wait=-1"], 0),
        (["wait=1.5"], 0),
        (["wait=\u0661"], 0),
        (["wait=" + "9" * 5_000], 0),
        (["waits=5"], 0),
        ([], 0),
    ],
)
def test_a_wait_is_read_as_rfc_7240_has_it(prefer, seconds):
    assert wait_seconds(prefer) == seconds
