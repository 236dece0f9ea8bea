-- name: find_expired
-- Ready objects past their expires_at.
SELECT * FROM media.media_objects WHERE status = 'ready' AND expires_at <= now() ORDER BY expires_at LIMIT 200;

-- name: mark_expired
-- An object that is still in the state that it was seen in ($2) expires: whatever bytes there are become due for removal,
-- and MediaExpired is written.
WITH gone AS (
    UPDATE media.media_objects SET status = 'expired', updated_at = now()
    WHERE id = $1 AND status = $2
    RETURNING *
), copies AS (
    UPDATE media.purges AS p SET due_at = now() FROM gone WHERE p.media_id = gone.id
), bytes AS (
    INSERT INTO media.purges (bucket_name, storage_path, media_id, due_at, closes_at)
    SELECT bucket_name, storage_path, id, now(), coalesce(upload_expires_at, now()) + $6 * interval '1 second' FROM gone
    ON CONFLICT DO NOTHING
), announced AS (
    INSERT INTO media.outbox (event_id, event_type, media_id, payload, traceparent)
    SELECT $3, $4, id, $5::text::json, traceparent FROM gone
), audited AS (
    INSERT INTO media.audit (actor_kind, action, media_id) SELECT 'system', 'media.expired', id FROM gone
)
SELECT * FROM gone;
