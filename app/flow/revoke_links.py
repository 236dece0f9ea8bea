"""Revoke: the temporary tokens that were issued for a media object so far open nothing any more.

A presigned GET that one of them was turned into lives on for its few minutes: storage knows no revocation.
"""

from app.access import Actor
from app.database import Database, queries
from app.errors import MediaClosed
from app.media import MediaObject

_sql = queries("revoke_links")


async def revoke_links(media: MediaObject, *, by: Actor, database: Database) -> None:
    """End the object's link epoch. Raises MediaClosed."""
    if await database.one(_sql["revoke"], media.id, by.id, by.kind) is None:
        raise MediaClosed(media.status)
