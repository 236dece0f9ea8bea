-- name: mark_deleted
-- A ready object is deleted and a pending upload called off, whichever it is by now: the bytes become due for removal,
-- and MediaDeleted or MediaExpired is written.
WITH gone AS (
    UPDATE media.media_objects
    SET status = CASE status WHEN 'ready' THEN 'deleted' ELSE 'expired' END, updated_at = now()
    WHERE id = $1 AND status IN ('pending', 'ready')
    RETURNING *
), copies AS (
    UPDATE media.purges AS p SET due_at = now() FROM gone WHERE p.media_id = gone.id
), bytes AS (
    INSERT INTO media.purges (bucket_name, storage_path, media_id, due_at, closes_at)
    SELECT bucket_name, storage_path, id, now(), coalesce(upload_expires_at, now()) + $2 * interval '1 second' FROM gone
    ON CONFLICT DO NOTHING
), announced AS (
    INSERT INTO media.outbox (event_id, event_type, media_id, payload, traceparent)
    SELECT
        CASE status WHEN 'deleted' THEN $3::uuid ELSE $6::uuid END,
        CASE status WHEN 'deleted' THEN $4::varchar ELSE $7::varchar END,
        id,
        CASE status WHEN 'deleted' THEN $5::text::json ELSE $8::text::json END,
        traceparent
    FROM gone
), audited AS (
    INSERT INTO media.audit (actor, actor_kind, action, media_id, outcome)
    SELECT $9, $10, 'media.deleted', id, status FROM gone
)
SELECT * FROM gone;
