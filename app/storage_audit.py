"""The audit of the bytes: every bucket compared with the rows, page by page, and put right where that is asked for.

What it holds at once is a page of storage, the rows of its keys, and the missing ones that it may delete, which it does
when all is compared: a wrong bucket or an empty restore looks like a great loss, and must not become one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from secrets import randbelow
from typing import Final
from uuid import UUID

import msgspec

from app import database, object_store
from app.config import AuditSettings
from app.database import Database
from app.discrepancies import Discrepancy, Missing, Orphan, SizeDiffers, Tampered
from app.flow.announce_tampering import announce_tampering
from app.flow.compare_storage import Expected, Position, ReadyRow, compare_storage, count_expected
from app.flow.delete_missing import delete_missing
from app.flow.set_orphan_aside import set_orphan_aside
from app.flow.verify_checksum import verify_checksum
from app.object_store import ObjectStore

_AT_ONCE: Final = 8  # copies that are verified
_OF_ALL: Final = 10_000  # --verify is told apart to a hundredth of a percent


class Reported(msgspec.Struct, frozen=True):
    """A discrepancy, and whether this audit put it right."""

    discrepancy: Discrepancy
    repaired: bool


class AuditRefused(Exception):
    """Raised when what is found looks like a mistake of ours rather than of storage. `found` was not put right."""

    def __init__(self, reason: str, found: Sequence[Reported] = ()) -> None:
        super().__init__(reason)
        self.found = found


class AuditPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do beside comparing. `verify_percent` of the ready objects have their checksums computed anew."""

    repair: bool = False
    verify_percent: float = 0
    missing_at_most: int = 100
    orphans_at_most: int = 1000


class Tally(msgspec.Struct):
    """What was looked at and found so far."""

    versions: int = 0
    rows: int = 0
    verified: int = 0
    missing: int = 0
    orphan: int = 0
    size_differs: int = 0
    tampered: int = 0
    repaired: int = 0

    @property
    def unrepaired(self) -> int:
        return self.missing + self.orphan + self.size_differs + self.tampered - self.repaired


class Progress(msgspec.Struct):
    """How far an audit is: what its checkpoint holds, and all that it needs to go on."""

    buckets: list[str]
    position: Position = msgspec.field(default_factory=Position)
    tally: Tally = msgspec.field(default_factory=Tally)
    held: list[Missing] = msgspec.field(default_factory=list)


class StorageAudit:
    """One audit. `progress` is whole after each page, when `pages` yields."""

    def __init__(
        self,
        settings: AuditSettings,
        plan: AuditPlan,
        progress: Progress,
        *,
        database: Database,
        object_store: ObjectStore,
    ) -> None:
        self.progress = progress
        self._bucket_media = settings.storage.bucket_media
        self._all_buckets = buckets_of(settings)
        self._plan = plan
        self._database = database
        self._object_store = object_store

    async def expected(self) -> Expected:
        """How much there is to do. Raises AuditRefused if the settings leave rows out."""
        expected = await count_expected(self._all_buckets, database=self._database)
        if expected.elsewhere:
            raise AuditRefused(
                f"{expected.elsewhere} ready media objects are in other buckets than {', '.join(self._all_buckets)}: "
                "check MINIO_BUCKET_MEDIA, MINIO_BUCKET_INVOICES and MINIO_BUCKET_INCOMING."
            )
        return expected

    async def pages(self) -> AsyncIterator[list[Reported]]:
        """What each page finds; last, in a page of its own, what was missing and is deleted. Raises AuditRefused."""
        while self.progress.buckets:
            yield await self._page()
        deleted = [await self._delete(missing) for missing in self.progress.held]
        self.progress.tally.repaired += len(deleted)
        self.progress.held = []
        yield deleted

    async def _page(self) -> list[Reported]:
        progress, bucket = self.progress, self.progress.buckets[0]
        compared = await compare_storage(
            bucket,
            progress.position,
            bucket_media=self._bucket_media,
            database=self._database,
            object_store=self._object_store,
        )
        found = [*compared.discrepancies, *await self._verify(compared.sound)]
        self._count(found, compared.versions, compared.rows)
        for each in found:
            await self._announce(each)
        reported = await self._put_right(found) if self._plan.repair else [Reported(each, False) for each in found]
        progress.tally.repaired += sum(each.repaired for each in reported)
        progress.position = compared.then or Position()
        if compared.then is None:
            progress.buckets = progress.buckets[1:]
        return reported

    def _count(self, found: Sequence[Discrepancy], versions: int, rows: int) -> None:
        tally = self.progress.tally
        tally.versions += versions
        tally.rows += rows
        tally.missing += sum(isinstance(each, Missing) for each in found)
        tally.orphan += sum(isinstance(each, Orphan) for each in found)
        tally.size_differs += sum(isinstance(each, SizeDiffers) for each in found)
        tally.tampered += sum(isinstance(each, Tampered) for each in found)

    async def _announce(self, found: Discrepancy) -> None:
        """That storage can't read an object tells of a broken disk as well as of a hand."""
        if isinstance(found, SizeDiffers):
            await announce_tampering(found.media_id, reason="size", database=self._database)
        if isinstance(found, Tampered) and found.reason != "unreadable":
            await announce_tampering(found.media_id, reason=found.reason, database=self._database)

    async def _put_right(self, found: Sequence[Discrepancy]) -> list[Reported]:
        """Orphans now; missing ones are held until all is compared; what differs stays, as evidence."""
        held = [each for each in found if isinstance(each, Missing)]
        self._refuse_to_do_harm([*self.progress.held, *held], found)
        self.progress.held += held
        return [Reported(each, await self._is_set_aside(each)) for each in found if not isinstance(each, Missing)]

    def _refuse_to_do_harm(self, held: Sequence[Missing], found: Sequence[Discrepancy]) -> None:
        untouched = [Reported(each, False) for each in dict.fromkeys([*held, *found])]
        if len(held) > self._plan.missing_at_most:
            raise AuditRefused(
                f"More than {self._plan.missing_at_most} ready media objects have no bytes, which looks like a wrong "
                "or empty storage: none is deleted. If they are lost, say --missing-at-most.",
                untouched,
            )
        if self.progress.tally.orphan > self._plan.orphans_at_most:
            raise AuditRefused(
                f"More than {self._plan.orphans_at_most} objects have no row, which looks like a wrong or empty "
                "database: no more are set aside. If they are orphans, say --orphans-at-most.",
                untouched,
            )

    async def _is_set_aside(self, found: Discrepancy) -> bool:
        return isinstance(found, Orphan) and await set_orphan_aside(
            found, bucket_media=self._bucket_media, database=self._database, object_store=self._object_store
        )

    async def _delete(self, missing: Missing) -> Reported:
        await delete_missing(missing, database=self._database, object_store=self._object_store)
        return Reported(missing, True)

    async def _verify(self, sound: Sequence[ReadyRow]) -> list[Tampered]:
        """Those of the sample that storage hashes to something else than the row says."""
        sample = [row.id for row in sound if randbelow(_OF_ALL) < self._plan.verify_percent * _OF_ALL / 100]
        self.progress.tally.verified += len(sample)
        judged: list[Tampered | None] = []
        for start in range(0, len(sample), _AT_ONCE):
            judged += await asyncio.gather(*map(self._verify_one, sample[start : start + _AT_ONCE]))
        return [tampered for tampered in judged if tampered is not None]

    async def _verify_one(self, media_id: UUID) -> Tampered | None:
        return await verify_checksum(
            media_id, bucket_media=self._bucket_media, database=self._database, object_store=self._object_store
        )


def buckets_of(settings: AuditSettings) -> list[str]:
    """Every bucket of the deployment, once."""
    storage = settings.storage
    return list(dict.fromkeys((storage.bucket_media, storage.bucket_incoming, storage.bucket_invoices)))


@contextlib.asynccontextmanager
async def open_audit(settings: AuditSettings, plan: AuditPlan, progress: Progress) -> AsyncIterator[StorageAudit]:
    """An audit with its parts, none of which needs to answer yet."""
    async with (
        database.connect(settings.database_url) as connected_database,
        object_store.connect(settings.storage, settings.storage.worker) as connected_store,
    ):
        yield StorageAudit(settings, plan, progress, database=connected_database, object_store=connected_store)
