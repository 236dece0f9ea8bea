-- outside a transaction: for an index that is built while the table is written to, and for checks in two short steps.
-- Building waits for transactions that began earlier, and holds nobody off meanwhile: it may take its time.
SET lock_timeout = '10min';

-- What `media audit` reads by: ready objects in the order in which storage lists keys.
CREATE INDEX CONCURRENTLY IF NOT EXISTS media_objects_storage_order
    ON media.media_objects (bucket_name, storage_path COLLATE "C") WHERE status = 'ready';

SET lock_timeout = '5s';

-- MediaTampered may be announced, and is remembered.
ALTER TABLE media.outbox
    DROP CONSTRAINT IF EXISTS event_type_is_known,
    ADD CONSTRAINT event_type_is_known CHECK (
        event_type IN ('MediaUploaded', 'MediaRejected', 'MediaDeleted', 'MediaExpired', 'MediaTampered')
    ) NOT VALID;
ALTER TABLE media.outbox VALIDATE CONSTRAINT event_type_is_known;

ALTER TABLE media.audit
    DROP CONSTRAINT IF EXISTS action_is_known,
    ADD CONSTRAINT action_is_known CHECK (
        action IN (
            'upload.requested', 'upload.finalized', 'upload.retried', 'link.issued', 'links.revoked',
            'media.changed', 'media.deleted', 'media.expired', 'media.purged', 'media.tampered', 'message.replayed'
        )
    ) NOT VALID;
ALTER TABLE media.audit VALIDATE CONSTRAINT action_is_known;
