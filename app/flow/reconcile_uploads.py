"""Reconcile: which pending uploads to look at now, as no notification has settled them."""

from app.database import Database, media_object, queries
from app.media import MediaObject

_sql = queries("reconcile_uploads")


async def take_unsettled_uploads(*, early: bool, database: Database) -> list[MediaObject]:
    """Pending objects whose turn it is, a batch at most, and no other sweep's until their next turn.

    `early`: notifications are late, so an upload has its first turn soon.
    """
    return [media_object(row) for row in await database.all(_sql["take_unsettled"], early)]
