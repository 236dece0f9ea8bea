-- name: mark_missing
-- A ready object whose bytes are gone is deleted, if it is still served from where they were missed, and MediaDeleted is
-- written. What else there is under its key is somebody's to look at: the ledger is not told.
WITH gone AS (
    UPDATE media.media_objects SET status = 'deleted', updated_at = now()
    WHERE id = $1 AND status = 'ready' AND bucket_name = $2 AND storage_path = $3
      AND version_id IS NOT DISTINCT FROM $4
    RETURNING *
), announced AS (
    INSERT INTO media.outbox (event_id, event_type, media_id, payload, traceparent)
    SELECT $5, $6, id, $7::text::json, traceparent FROM gone
), audited AS (
    INSERT INTO media.audit (actor_kind, action, media_id, outcome)
    SELECT 'system', 'media.deleted', id, 'missing' FROM gone
)
SELECT * FROM gone;

-- name: find_media
-- The media object that the event tells of.
SELECT * FROM media.media_objects WHERE id = $1;
