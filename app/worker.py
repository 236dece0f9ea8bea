"""The worker: bucket notifications and invoices in, events out, and the sweeps that catch what no message said.

One task each; any number of workers may run. A part that is away is waited for.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

import structlog

from app import database, event_bus, object_store, telemetry
from app.cancellation import is_cancelled
from app.config import WorkerSettings
from app.database import Database
from app.errors import ScannerUnavailable, TryLater, Unavailable
from app.event_bus import EventBus
from app.events import (
    GIVEN_UP_STREAM,
    GIVEN_UP_SUBJECT,
    INVOICE_DURABLE,
    NOTIFICATION_DURABLE,
    NOTIFICATION_STREAM,
    parse_given_up,
    parse_notification,
)
from app.flow.expire_media import expire_media, find_expired_media
from app.flow.finalize_upload import Outcome, finalize_upload
from app.flow.measure_backlog import measure_backlog
from app.flow.purge_objects import purge_due
from app.flow.reconcile_uploads import take_unsettled_uploads
from app.flow.relay_outbox import prune_outbox, relay_outbox
from app.in_hand import InHand
from app.media import MediaObject, ObjectAddress, Trigger
from app.object_store import ObjectStore
from app.rendering import Rendering
from app.restoring import Restoring
from app.scanner import Scanner, scanner_of
from app.typesetting.pool import TypesetterPool, typesetting

_LANES = 16
_SWEEP_LANES = 8
_INVOICE_LANES = 8
_RELAY_POLL_SECONDS = 5.0
_RESTORE_POLL_SECONDS = 30.0
_PURGE_POLL_SECONDS = 10.0
_PRUNE_SECONDS = 60.0
_MEASURE_SECONDS = 15.0
_RETRY_SECONDS = 1.0
_REDELIVER_SECONDS = 5.0
_RESCAN_SECONDS = 15.0

log = structlog.get_logger()


class Worker:
    """What the tasks share: the parts, and the bell that says that the outbox has something."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        database: Database,
        object_store: ObjectStore,
        event_bus: EventBus,
        scanner: Scanner | None,
        typesetting: TypesetterPool,
        durable: str = NOTIFICATION_DURABLE,
        invoice_durable: str = INVOICE_DURABLE,
    ) -> None:
        self._settings = settings
        self._database = database
        self._object_store = object_store
        self._event_bus = event_bus
        self._scanner = scanner
        self._durable = durable
        self._in_hand = InHand(database=database, object_store=object_store, bucket=settings.storage.bucket_media)
        self._invoice_durable = invoice_durable
        self._rendering = (
            Rendering(
                settings.invoicing,
                bucket=settings.storage.bucket_invoices,
                database=database,
                object_store=object_store,
                typesetting=typesetting,
                in_hand=self._in_hand,
            )
            if settings.invoicing
            else None
        )
        self._restoring = Restoring(database=database, event_bus=event_bus)
        self._outbox_bell = asyncio.Event()
        self._purge_bell = asyncio.Event()

    async def run(self) -> None:
        """All tasks, until cancelled."""
        log.info("worker.started", mode="quarantine" if self._settings.storage.quarantine else "in place")
        self._database.hear("media_outbox", self._ring)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                self._event_bus.consume(NOTIFICATION_STREAM, self._durable, self.finalize_notified, concurrency=_LANES)
            )
            tasks.create_task(self._park_all_given_up(NOTIFICATION_STREAM, self._durable))
            if self._rendering is not None:
                self._render_with(self._rendering, tasks)
            tasks.create_task(self._whenever(self._event_bus.streams_may_be_gone, _RESTORE_POLL_SECONDS, self.restore))
            tasks.create_task(self._whenever(self._outbox_bell, _RELAY_POLL_SECONDS, self.relay))
            # What an API could not remove waits for no longer than this, however rarely uploads are swept.
            purge_poll = min(self._settings.sweep_interval_seconds, _PURGE_POLL_SECONDS)
            tasks.create_task(self._whenever(self._purge_bell, purge_poll, self.purge))
            for _ in range(_SWEEP_LANES):
                tasks.create_task(self._keep_sweeping())
            tasks.create_task(self._every(_PRUNE_SECONDS, self.prune))
            tasks.create_task(self._every(_MEASURE_SECONDS, self.measure))
            tasks.create_task(self._every(self._settings.sweep_interval_seconds, self.expire))

    def _render_with(self, rendering: Rendering, tasks: asyncio.TaskGroup) -> None:
        bus, durable = self._settings.bus, self._invoice_durable
        tasks.create_task(
            self._event_bus.consume(
                bus.billing_stream,
                durable,
                rendering.render_generated,
                concurrency=_INVOICE_LANES,
                subject=bus.billing_subject,
                is_ours=False,
            )
        )
        tasks.create_task(self._park_all_given_up(bus.billing_stream, durable))
        tasks.create_task(self._every(self._settings.sweep_interval_seconds, rendering.sweep))

    async def _park_all_given_up(self, stream: str, durable: str) -> None:
        await self._event_bus.consume(
            GIVEN_UP_STREAM,
            f"{durable}-given-up",
            self.park_given_up,
            concurrency=1,
            subject=f"{GIVEN_UP_SUBJECT}.{stream}.{durable}",
        )

    async def finalize_notified(self, payload: bytes) -> None:
        """A bucket notification: look at each key that it names, however long a part is away."""
        for landed in parse_notification(payload):
            try:
                await self._finalize(landed, "notification")
            except ScannerUnavailable as away:
                raise TryLater(away.code, _RESCAN_SECONDS) from away
            except Unavailable as away:
                raise TryLater(away.code, _REDELIVER_SECONDS) from away

    async def park_given_up(self, payload: bytes) -> None:
        """NATS gave a notification up, as each of its deliveries ended with its worker."""
        try:
            await self._event_bus.park_given_up(parse_given_up(payload))
        except Unavailable as away:
            raise TryLater(away.code, _REDELIVER_SECONDS) from away

    async def sweep(self) -> bool:
        """Pending uploads whose notification never came: settle what has landed, expire what can't land any more.

        A few at a time, in several lanes, so that an upload that takes long holds up no more than those few.
        """
        unsettled = await take_unsettled_uploads(early=self._event_bus.notifications_are_late, database=self._database)
        telemetry.SWEEP_PASSES.inc()
        for media in unsettled:
            try:
                outcome = await self._finalize(media.lands_at, "sweep")
            except Unavailable as away:
                # Its part answers: it may be this upload alone that storage or the scanner chokes on.
                log.warning("upload.left_to_next_sweep", media_id=str(media.id), code=away.code)
                continue
            if outcome is Outcome.NOT_RECEIVED and _is_over(media, self._settings.grace_seconds):
                await expire_media(media, grace_seconds=self._settings.grace_seconds, database=self._database)
        return bool(unsettled)

    async def expire(self) -> bool:
        """Ready objects that reached their expires_at."""
        expired = await find_expired_media(database=self._database)
        for media in expired:
            await expire_media(media, grace_seconds=self._settings.grace_seconds, database=self._database)
        self._purge_bell.set()
        return bool(expired)

    async def relay(self) -> bool:
        """Events that wait in the outbox."""
        return await relay_outbox(database=self._database, event_bus=self._event_bus) > 0

    async def prune(self) -> bool:
        """Published events that need not be kept any longer."""
        hours = self._settings.outbox_retention_hours
        return await prune_outbox(retention_hours=hours, database=self._database) > 0

    async def measure(self) -> bool:
        """What waits."""
        await measure_backlog(database=self._database)
        return False

    async def restore(self) -> bool:
        """Streams that NATS has lost, and the events that were on them."""
        again = await self._restoring.restore()
        self._outbox_bell.set()
        return again

    async def purge(self) -> bool:
        """Bytes whose removal is due."""
        return await purge_due(database=self._database, object_store=self._object_store) > 0

    async def _finalize(self, landed: ObjectAddress, trigger: Trigger) -> Outcome:
        outcome = await self._in_hand.until_done(
            partial(
                finalize_upload,
                landed,
                trigger=trigger,
                bucket_media=self._settings.storage.bucket_media,
                grace_seconds=self._settings.grace_seconds,
                database=self._database,
                object_store=self._object_store,
                scanner=self._scanner,
            )
        )
        self._purge_bell.set()
        log.debug("upload.looked_at", outcome=outcome, trigger=trigger)
        return outcome

    def _ring(self, _media_id: str) -> None:
        self._outbox_bell.set()

    async def _whenever(self, bell: asyncio.Event, seconds: float, work: Callable[[], Awaitable[bool]]) -> None:
        """Work whenever the bell rings; the time is the net under a ring that was lost."""
        while not is_cancelled():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await bell.wait()
            bell.clear()
            await self._until_idle(work)

    async def _keep_sweeping(self) -> None:
        """At each interval, and every second while notifications are late."""
        while not is_cancelled():
            await self._until_idle(self.sweep)
            for _ in range(self._settings.sweep_interval_seconds):
                await asyncio.sleep(1)
                if self._event_bus.notifications_are_late:
                    break

    async def _every(self, seconds: float, work: Callable[[], Awaitable[bool]]) -> None:
        while not is_cancelled():
            await self._until_idle(work)
            await asyncio.sleep(seconds)

    async def _until_idle(self, work: Callable[[], Awaitable[bool]]) -> None:
        """Repeat until nothing was left to do. A part that is away ends this pass, not the task."""
        try:
            while not is_cancelled() and await work():
                pass
        except asyncio.CancelledError:
            if is_cancelled():
                raise  # else it was a client library that gave a connection up
        except Unavailable as away:
            telemetry.PARTS_UNAVAILABLE.labels(away.code).inc()
            log.warning("worker.waiting", work=work.__name__, code=away.code)
            await asyncio.sleep(_RETRY_SECONDS)
        except Exception:
            log.exception("worker.failed", work=work.__name__)
            await asyncio.sleep(_RETRY_SECONDS)


def _is_over(media: MediaObject, grace_seconds: int) -> bool:
    """No PUT of this upload can still be under way."""
    assert media.upload_expires_at is not None
    return (datetime.now(UTC) - media.upload_expires_at).total_seconds() > grace_seconds


@contextlib.asynccontextmanager
async def open_worker(
    settings: WorkerSettings, *, durable: str = NOTIFICATION_DURABLE, invoice_durable: str = INVOICE_DURABLE
) -> AsyncIterator[Worker]:
    """A worker with its parts, none of which needs to answer yet."""
    template_dir = settings.invoicing.template_dir if settings.invoicing else None
    async with (
        database.connect(
            settings.database_url, connections=_LANES + _SWEEP_LANES + _INVOICE_LANES + 4
        ) as connected_database,
        object_store.connect(settings.storage, settings.storage.worker) as connected_store,
        event_bus.connect(settings.bus) as connected_bus,
        typesetting(template_dir) as typesetters,
    ):
        yield Worker(
            settings,
            database=connected_database,
            object_store=connected_store,
            event_bus=connected_bus,
            scanner=scanner_of(settings.scanning, settings.storage),
            typesetting=typesetters,
            durable=durable,
            invoice_durable=invoice_durable,
        )
