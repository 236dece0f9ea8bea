"""Find: one media object as its caller may see it, at once or when its upload is settled."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from app.access import LinkHolder, Sight, check_link
from app.database import Database, media_object, queries
from app.errors import DatabaseUnavailable, MediaNotFound
from app.media import MediaObject, Status

_LOOK_AGAIN_SECONDS: Final = 0.5  # after PostgreSQL did not answer

_sql = queries("find_media")


class Changes:
    """Wakes those who wait for a media object to change its state."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.has_ended = False

    def heard(self, media_id: str) -> None:
        """This object changed; an empty id says that any may have."""
        for key in [media_id] if media_id else list(self._waiting):
            for event in self._waiting.get(key, ()):
                event.set()

    def end_waiting(self) -> None:
        """Nobody is to wait any more: the process ends."""
        self.has_ended = True
        self.heard("")

    @contextlib.contextmanager
    def expected(self, media_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set by the next change. To lose none, ask for it before you read the state."""
        key, changed = str(media_id), asyncio.Event()
        self._waiting[key].add(changed)
        try:
            yield changed
        finally:
            self._waiting[key].discard(changed)
            if not self._waiting[key]:
                del self._waiting[key]


async def find_media(media_id: UUID, *, sight: Sight, database: Database) -> MediaObject:
    """The object, if the caller may know of it. Raises MediaNotFound."""
    row = await database.one(
        _sql["find_visible"], media_id, sight.owner, sight.everything, sight.context_types, sight.context_ids
    )
    if row is None:
        raise MediaNotFound(media_id)
    return media_object(row)


async def find_any_media(media_id: UUID, *, database: Database) -> MediaObject:
    """The object, deleted or not, for an admin. Raises MediaNotFound."""
    row = await database.one(_sql["find_any"], media_id)
    if row is None:
        raise MediaNotFound(media_id)
    return media_object(row)


async def find_linked_media(holder: LinkHolder, *, database: Database) -> MediaObject:
    """The object that a temporary token opens. Raises MediaNotFound, or NotAuthenticated if it does not any more."""
    row = await database.one(_sql["find_linked"], holder.media_id)
    if row is None:
        raise MediaNotFound(holder.media_id)
    media = media_object(row)
    check_link(holder, media)
    return media


async def find_settled_media(
    media_id: UUID, *, sight: Sight, wait_seconds: float, database: Database, changes: Changes
) -> MediaObject:
    """The object as soon as it is no longer pending, or as it is after `wait_seconds`. Raises MediaNotFound.

    Once begun, a wait goes on over an outage: only the first look and the last one raise DatabaseUnavailable.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    with changes.expected(media_id) as changed:
        media = await find_media(media_id, sight=sight, database=database)
        while media.status == Status.PENDING and not changes.has_ended and loop.time() < deadline:
            # Woken may mean only that the listener has reconnected: look again.
            await _until(changed, deadline)
            changed.clear()
            try:
                media = await find_media(media_id, sight=sight, database=database)
            except DatabaseUnavailable:
                if changes.has_ended or loop.time() >= deadline:
                    raise
                loop.call_later(_LOOK_AGAIN_SECONDS, changed.set)
        return media


async def _until(changed: asyncio.Event, deadline: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            await changed.wait()
