-- name: find_landing
-- The media object whose presigned PUT writes to this bucket and key.
SELECT * FROM media.media_objects WHERE incoming_bucket = $1 AND incoming_path = $2;

-- name: still_pending
-- The media object, if nothing has settled it.
SELECT id FROM media.media_objects WHERE id = $1 AND status = 'pending';

-- name: name_copy
-- Enter a copy into the ledger before it exists: whatever becomes of this attempt, its bytes won't stay. An attempt takes
-- less than an hour; until then the entry remains, as the copy may still come into being after it was removed.
INSERT INTO media.purges (bucket_name, storage_path, media_id, due_at, closes_at)
SELECT $2, $3, m.id, now() + interval '1 hour', now() + interval '1 hour'
FROM media.media_objects AS m WHERE m.id = $1 AND m.status = 'pending'
RETURNING media_id;

-- name: mark_ready
-- Win or lose: a pending object becomes ready with this candidate, and MediaUploaded is written. A candidate that is a
-- copy must still be in the ledger and unclaimed, and leaves it; the source that it was copied from enters it instead.
WITH awaited AS (
    -- The object before the ledger, as everywhere: two attempts at once would each hold its copy and want the other's.
    SELECT m.id FROM media.media_objects AS m WHERE m.id = $1 AND m.status = 'pending' FOR UPDATE
), named AS (
    SELECT p.bucket_name, p.storage_path FROM media.purges AS p JOIN awaited ON p.media_id = awaited.id
    WHERE p.bucket_name = $2 AND p.storage_path = $3 AND p.claimed_at IS NULL
    FOR UPDATE OF p
), won AS (
    UPDATE media.media_objects AS m
    SET status = 'ready', bucket_name = $2, storage_path = $3, etag = $4, version_id = $13, checksum_sha256 = $5, width = $6, height = $7,
        finalized_at = now(), finalized_by = $8, updated_at = now()
    WHERE m.id = $1 AND m.status = 'pending'
      AND ((m.incoming_bucket = $2 AND m.incoming_path = $3) OR EXISTS (SELECT FROM named))
    RETURNING m.*
), kept AS (
    DELETE FROM media.purges AS p USING named, won
    WHERE p.bucket_name = named.bucket_name AND p.storage_path = named.storage_path
), lost AS (
    -- The copies of all other attempts, also of those that died: none of them can win any more.
    UPDATE media.purges AS p SET due_at = now()
    FROM won WHERE p.media_id = won.id AND (p.bucket_name, p.storage_path) <> (won.bucket_name, won.storage_path)
), source AS (
    INSERT INTO media.purges (bucket_name, storage_path, media_id, due_at, closes_at)
    SELECT won.incoming_bucket, won.incoming_path, won.id, now(), won.upload_expires_at + $12 * interval '1 second'
    FROM won WHERE (won.incoming_bucket, won.incoming_path) IS DISTINCT FROM (won.bucket_name, won.storage_path)
    ON CONFLICT DO NOTHING
), announced AS (
    INSERT INTO media.outbox (event_id, event_type, media_id, payload, traceparent)
    SELECT $9, $10, won.id, $11::text::json, won.traceparent FROM won
), audited AS (
    INSERT INTO media.audit (actor_kind, action, media_id, outcome)
    SELECT 'system', 'upload.finalized', won.id, won.status FROM won
)
SELECT * FROM won;

-- name: mark_rejected
-- Win or lose: a pending object becomes rejected, its upload and any copy of it become due for removal, and
-- MediaRejected is written.
WITH won AS (
    UPDATE media.media_objects AS m
    SET status = 'rejected', rejection_reason = $2, finalized_at = now(), finalized_by = $3, updated_at = now()
    WHERE m.id = $1 AND m.status = 'pending'
    RETURNING m.*
), copies AS (
    UPDATE media.purges AS p SET due_at = now() FROM won WHERE p.media_id = won.id
), source AS (
    INSERT INTO media.purges (bucket_name, storage_path, media_id, due_at, closes_at)
    SELECT won.incoming_bucket, won.incoming_path, won.id, now(), won.upload_expires_at + $7 * interval '1 second'
    FROM won ON CONFLICT DO NOTHING
), announced AS (
    INSERT INTO media.outbox (event_id, event_type, media_id, payload, traceparent)
    SELECT $4, $5, won.id, $6::text::json, won.traceparent FROM won
), audited AS (
    INSERT INTO media.audit (actor_kind, action, media_id, outcome)
    SELECT 'system', 'upload.finalized', won.id, won.rejection_reason FROM won
)
SELECT * FROM won;

-- name: remove_what_lost
-- The object is settled without this attempt: its copy becomes due for removal now.
UPDATE media.purges SET due_at = now() WHERE bucket_name = $1 AND storage_path = $2;

-- name: forget_copy
-- There was nothing to copy, so no bytes will ever be under this key.
DELETE FROM media.purges WHERE bucket_name = $1 AND storage_path = $2;

-- name: remove_late_bytes
-- Something landed where nothing is awaited any more. Without an entry in the ledger it is due for removal now; with one
-- it is removed with that, or now where it can't wait ($4).
INSERT INTO media.purges AS p (bucket_name, storage_path, media_id, due_at)
VALUES ($1, $2, $3, now())
ON CONFLICT (bucket_name, storage_path) DO UPDATE SET due_at = now() WHERE $4;
