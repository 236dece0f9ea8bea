"""What the clients of a run wrote down: every upload that was asked for, what was sent, and what storage answered."""

import hashlib
from uuid import UUID

import msgspec


class Upload(msgspec.Struct):
    """One line. `answered` is storage's answer to the PUT: 200, another status, or None while there was none."""

    media_id: str
    user: UUID
    sha256: str
    size: int
    spoofed: bool
    answered: int | None = None
    deleted: str | None = None  # asked: no answer came; done: 204

    @property
    def landed(self) -> bool:
        """Storage said 200: from here on the service answers for it."""
        return self.answered == 200


class Diary:
    """All uploads of a run, by id."""

    def __init__(self) -> None:
        self.uploads: dict[str, Upload] = {}
        self.refused: dict[str, int] = {}

    def asked(self, media_id: str, user: UUID, data: bytes, *, spoofed: bool) -> Upload:
        upload = Upload(media_id, user, hashlib.sha256(data).hexdigest(), len(data), spoofed)
        self.uploads[media_id] = upload
        return upload

    def count(self, answer: str) -> None:
        """What else was answered, such as `POST 503`."""
        self.refused[answer] = self.refused.get(answer, 0) + 1

    @property
    def landed(self) -> list[Upload]:
        return [upload for upload in self.uploads.values() if upload.landed]
