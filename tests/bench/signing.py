"""What a presigned PUT costs, ours beside botocore's, with the headers that an upload signs."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from app.presign import Signer

_STORAGE = "https://storage.example.com"
_PATH = "media/uploads/2026/03/0b5d3c9e8f7a4b6c9d2e1f0a3b4c5d6e.jpg"
_HEADERS = {
    "content-length": "245678",
    "content-type": "image/jpeg",
    "if-none-match": "*",
    "x-amz-checksum-sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
}
_ROUNDS = 5
_URLS = 2000


def microseconds_per_url() -> tuple[float, float]:
    """Ours, botocore's: the best of several rounds that take turns."""
    signer = Signer(base_url=_STORAGE, region="us-east-1", access_key="uploader", secret_key="secret")
    credentials = Credentials("uploader", "secret")
    bucket, _, key = _PATH.partition("/")

    def ours() -> None:
        signer.presign("PUT", bucket, key, now=datetime.now(UTC), expires_seconds=600, headers=_HEADERS)

    def theirs() -> None:
        request = AWSRequest(method="PUT", url=f"{_STORAGE}/{_PATH}", headers=_HEADERS)
        S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=600).add_auth(request)

    rounds = [(_microseconds(ours), _microseconds(theirs)) for _ in range(_ROUNDS)]
    return min(mine for mine, _ in rounds), min(other for _, other in rounds)


def _microseconds(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(_URLS):
        call()
    return (time.perf_counter() - began) / _URLS * 1e6
