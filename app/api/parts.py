"""What the handlers work with, opened once for the process."""

import contextlib
from collections.abc import AsyncIterator

import msgspec

from app import database, event_bus, object_store
from app.api.auth import Callers
from app.api.download_tokens import DownloadTokens
from app.config import ApiSettings
from app.database import Database
from app.event_bus import EventBus
from app.flow.find_media import Changes
from app.object_store import ObjectStore
from app.presign import Signer
from app.scanner import Scanner, scanner_of
from app.signing import signer_of
from app.typesetting.pool import TypesetterPool, typesetting


class Parts(msgspec.Struct, frozen=True):
    """Every part that a step may ask for."""

    settings: ApiSettings
    database: Database
    object_store: ObjectStore
    scanner: Scanner | None
    event_bus: EventBus
    changes: Changes
    typesetting: TypesetterPool
    upload_signer: Signer
    download_signer: Signer
    download_tokens: DownloadTokens
    callers: Callers


@contextlib.asynccontextmanager
async def open_parts(settings: ApiSettings, callers: Callers, changes: Changes) -> AsyncIterator[Parts]:
    """Clients of every part. None needs to answer yet: a request that needs one that is away gets a 503."""
    async with (
        database.connect(settings.database_url, patience=database.ANSWERING) as connected_database,
        object_store.connect(
            settings.storage, settings.storage.worker, patience=object_store.ANSWERING
        ) as connected_store,
        event_bus.connect(settings.bus) as connected_bus,
        typesetting(settings.invoicing.template_dir if settings.invoicing else None) as typesetters,
    ):
        connected_database.hear("media_outbox", changes.heard)
        yield Parts(
            settings=settings,
            database=connected_database,
            object_store=connected_store,
            scanner=scanner_of(settings.scanning, settings.storage),
            event_bus=connected_bus,
            changes=changes,
            typesetting=typesetters,
            upload_signer=signer_of(settings.storage, settings.uploader, settings.storage_public_url),
            download_signer=signer_of(settings.storage, settings.downloader, settings.storage_public_url),
            download_tokens=DownloadTokens(settings.public_token_secrets, settings.public_token_ttl_seconds),
            callers=callers,
        )
