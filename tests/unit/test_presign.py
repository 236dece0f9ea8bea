"""The signer's URLs are botocore's, byte for byte, and the one that AWS publishes."""

import random
from datetime import UTC, datetime, timedelta, timezone

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode

from app.presign import MAX_EXPIRES_SECONDS, Signer, _signature

ACCESS_KEY = "AKIA/with+odd=characters~"
SECRET_KEY = "not a secret: ü+/="
NOW = datetime(2026, 3, 1, 23, 59, 58, 987654, tzinfo=UTC)
ALPHABET = "abcXYZ019-_.~ +%/&=?#:;@!$'()*,<>[]{}|\\^`\"\t\n\r\x7fäß€語😀\u202e\u0301"
PUT_HEADERS = {
    "content-length": "245678",
    "content-type": "image/jpeg",
    "if-none-match": "*",
    "x-amz-checksum-sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
}


def signer(base_url="https://storage.example.com", region="eu-central-1"):
    return Signer(base_url=base_url, region=region, access_key=ACCESS_KEY, secret_key=SECRET_KEY)


@pytest.fixture
def botocore_url(monkeypatch):
    """What botocore signs at a frozen time."""

    def url(method, bucket, key, *, base_url, region, now, expires_seconds, headers, query):
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now.astimezone(UTC))
        # S3's serializer quotes a key this way before the request is signed.
        path = f"/{bucket}/{percent_encode(key, safe='/~')}"
        request = AWSRequest(method=method, url=base_url + path, headers=headers, params=dict(query))
        credentials = Credentials(ACCESS_KEY, SECRET_KEY)
        botocore.auth.S3SigV4QueryAuth(credentials, "s3", region, expires=expires_seconds).add_auth(request)
        return request.url

    return url


def random_text(rng, longest, alphabet=ALPHABET):
    return "".join(rng.choices(alphabet, k=rng.randint(1, longest)))


def random_headers(rng):
    names = ["Content-Type", "content-length", "If-None-Match", "X-Amz-Checksum-SHA256", "x-amz-acl", "x-amz", "a!b"]
    names += [f"X-Amz-Meta-{n}" for n in range(20)]
    values = ["image/png", "*", "  two   spaces  ", "a+b/c==", "ä € 😀", "245678", "tab\tand, comma; semicolon"]
    return {name: rng.choice(values) for name in rng.sample(names, k=rng.randint(0, 12))}


def random_query(rng):
    names = ["response-content-type", "response-content-disposition", "versionId", "partNumber", "uploadId"]
    names += ["A", "a-b", "a", "ä ö", "X", "X-Am", "X-Ama", "~", "0", "&"]
    return {name: random_text(rng, 60) for name in rng.sample(names, k=rng.randint(0, 6))}


def random_request(rng):
    scheme, port = rng.choice([("https", ""), ("http", ":9000"), ("https", ":443"), ("http", ":80"), ("http", ":443")])
    return {
        "method": rng.choice(["GET", "PUT", "HEAD", "delete"]),
        "bucket": rng.choice(["media", "in.coming", "a-1"]),
        "key": random_text(rng, 80, rng.choice([ALPHABET, "abcdef0123456789/-."])),
        "now": NOW + timedelta(seconds=rng.randint(-(10**8), 10**8)),
        "expires_seconds": rng.randint(1, MAX_EXPIRES_SECONDS),
        "headers": random_headers(rng),
        "query": random_query(rng),
    }, {
        "base_url": f"{scheme}://{rng.choice(['Storage.example.com', '127.0.0.1', '[::1]'])}{port}",
        "region": rng.choice(["us-east-1", "eu-central-1"]),
    }


def test_a_thousand_random_urls_equal_those_of_botocore(botocore_url):
    rng = random.Random(20260301)
    for number in range(1000):
        request, storage = random_request(rng)
        ours = signer(**storage).presign(**request)
        assert ours == botocore_url(**request, **storage), f"input {number}: {request}"


def test_one_signer_follows_the_clock_over_seconds_days_and_back(botocore_url):
    shared = signer()
    for seconds in (0, 0.01, 1, 2, 3, 86_400, 3, 0):
        request = {
            "method": "PUT",
            "bucket": "media",
            "key": "a/b.jpg",
            "now": NOW + timedelta(seconds=seconds),
            "expires_seconds": 600,
            "headers": PUT_HEADERS,
            "query": {},
        }
        theirs = botocore_url(**request, base_url="https://storage.example.com", region="eu-central-1")
        assert shared.presign(**request) == theirs


def test_the_signature_of_the_example_in_the_aws_documentation_comes_out():
    # The example addresses its bucket by host name, so its canonical request is signed as it stands there.
    aws = Signer(
        base_url="https://examplebucket.s3.amazonaws.com",
        region="us-east-1",
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    second = aws._second(datetime(2013, 5, 24, tzinfo=UTC))
    query = f"{second.query}86400&X-Amz-SignedHeaders=host"
    host = "host:examplebucket.s3.amazonaws.com"
    canonical_request = f"GET\n/test.txt\n{query}\n{host}\n\nhost\nUNSIGNED-PAYLOAD"
    expected = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    assert _signature(second, canonical_request) == expected


def test_the_time_zone_of_now_does_not_matter():
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    one, other = (signer().presign("GET", "b", "k", now=now, expires_seconds=60) for now in (NOW, elsewhere))
    assert one == other


def test_every_header_is_signed():
    url = signer().presign("PUT", "media", "k", now=NOW, expires_seconds=60, headers=PUT_HEADERS)
    names = "content-length%3Bcontent-type%3Bhost%3Bif-none-match%3Bx-amz-checksum-sha256"
    assert f"&X-Amz-SignedHeaders={names}&" in url
    for name in PUT_HEADERS:
        changed = PUT_HEADERS | {name: "other"}
        assert signer().presign("PUT", "media", "k", now=NOW, expires_seconds=60, headers=changed) != url


@pytest.mark.parametrize("expires_seconds", [1, MAX_EXPIRES_SECONDS])
def test_an_expiry_within_the_bounds_is_in_the_url(expires_seconds):
    url = signer().presign("GET", "b", "k", now=NOW, expires_seconds=expires_seconds)
    assert f"&X-Amz-Expires={expires_seconds}&" in url


@pytest.mark.parametrize("expires_seconds", [-1, 0, MAX_EXPIRES_SECONDS + 1])
def test_an_expiry_outside_the_bounds_is_refused(expires_seconds):
    with pytest.raises(ValueError, match="lives 1 to 604800 seconds"):
        signer().presign("GET", "b", "k", now=NOW, expires_seconds=expires_seconds)


@pytest.mark.parametrize("key", ["", "a\0b", "\ud800"])
def test_a_key_that_storage_cannot_hold_is_refused(key):
    with pytest.raises(ValueError, match=r"an object key|surrogates not allowed"):
        signer().presign("GET", "b", key, now=NOW, expires_seconds=60)


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="naive"):
        signer().presign("GET", "b", "k", now=NOW.replace(tzinfo=None), expires_seconds=60)


@pytest.mark.parametrize("headers", [{"Host": "evil"}, {"a": "1", "A": "2"}, {"": "1"}, {"a:b": "1"}, {"a\n": "1"}])
def test_a_header_that_would_confuse_the_signature_is_refused(headers):
    with pytest.raises(ValueError, match="a signed header"):
        signer().presign("GET", "b", "k", now=NOW, expires_seconds=60, headers=headers)


def test_a_parameter_of_the_signature_cannot_be_given():
    with pytest.raises(ValueError, match="belongs to the signature"):
        signer().presign("GET", "b", "k", now=NOW, expires_seconds=60, query={"x-amz-Expires": "604800"})


@pytest.mark.parametrize(
    "base_url", ["storage:9000", "ftp://h", "http://", "http://h/path", "http://user@h", "http://h?q=1", "http://h#f"]
)
def test_an_address_that_is_more_or_less_than_scheme_and_host_is_refused(base_url):
    with pytest.raises(ValueError, match="the storage's address"):
        signer(base_url)


def test_repr_and_urls_show_no_secret():
    one = signer()
    url = one.presign("GET", "b", "k", now=NOW, expires_seconds=60)
    assert "secret" not in repr(one)
    assert "secret" not in url
