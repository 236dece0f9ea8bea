-- name: insert_pending
-- Record an upload that was asked for, if its user may ask for one more: the user's row is locked, so whoever races sees
-- what the others got. A retry with the same Idempotency-Key gets the row of the first try and counts for nothing.
-- No row: one of the limits ($18 a minute, $19 open ones, $20 bytes; 0 is no limit) refused it.
WITH earlier AS (
    SELECT * FROM media.media_objects WHERE uploaded_by = $8 AND idempotency_key = $14
), admitted AS (
    INSERT INTO media.uploaders AS u (id, asked_at)
    SELECT $8, CASE $18::integer WHEN 0 THEN '{}' ELSE ARRAY[clock_timestamp()] END
    WHERE NOT EXISTS (SELECT FROM earlier) AND ($20::bigint = 0 OR $5 <= $20)
    ON CONFLICT (id) DO UPDATE
    SET asked_at = CASE $18 WHEN 0 THEN '{}' ELSE ARRAY(
        SELECT asked FROM unnest(u.asked_at) AS asked WHERE asked > clock_timestamp() - interval '1 minute'
    ) || clock_timestamp() END
    WHERE ($18 = 0 OR $18 > (
            SELECT count(*) FROM unnest(u.asked_at) AS asked WHERE asked > clock_timestamp() - interval '1 minute'
        ))
        AND ($19::integer = 0 OR u.pending_uploads < $19)
        AND ($20 = 0 OR u.held_bytes + $5 <= $20)
    RETURNING
        $18 - cardinality(u.asked_at) AS uploads_left,
        ceil(extract(epoch FROM u.asked_at[1] + interval '1 minute' - clock_timestamp()))::integer AS reset_seconds
), inserted AS (
    INSERT INTO media.media_objects (
        file_name, original_file_name, file_type, mime_type, file_size,
        bucket_name, storage_path, incoming_bucket, incoming_path,
        uploaded_by, context_type, context_id, is_public, expires_at,
        declared_checksum_sha256, idempotency_key, request_hash, traceparent,
        upload_expires_at, sweep_at
    )
    SELECT
        $1, $2, $3, $4, $5,
        $6, $7, $6, $7,
        $8, $9, $10, $11, $12,
        $13, $14, $15, $16,
        date_trunc('second', now()) + $17::integer * interval '1 second', now() + interval '15 seconds'
    FROM admitted
    ON CONFLICT (uploaded_by, idempotency_key) DO NOTHING
    RETURNING *
), audited AS (
    INSERT INTO media.audit (actor, actor_kind, action, media_id) SELECT $8, $21, 'upload.requested', id FROM inserted
)
SELECT m.*, admitted.uploads_left, admitted.reset_seconds
FROM (SELECT * FROM earlier UNION ALL SELECT * FROM inserted) AS m LEFT JOIN admitted ON true;

-- name: why_refused
-- Which limits keep a user from one more upload of $2 bytes, and when the rate lets the next one in.
SELECT
    $3::integer > 0 AND cardinality(u.asked_at) >= $3 AS rate_is_reached,
    greatest(1, ceil(extract(epoch FROM u.asked_at[1] + interval '1 minute' - clock_timestamp())))::integer AS reset_seconds,
    $4::integer > 0 AND coalesce(u.pending_uploads, 0) >= $4 AS pending_is_reached,
    $5::bigint > 0 AND coalesce(u.held_bytes, 0) + $2 > $5 AS quota_is_reached
FROM (VALUES ($1::uuid)) AS asking (id) LEFT JOIN (
    SELECT id, pending_uploads, held_bytes, ARRAY(
        SELECT asked FROM unnest(asked_at) AS asked WHERE asked > clock_timestamp() - interval '1 minute'
    ) AS asked_at
    FROM media.uploaders
) AS u ON u.id = asking.id;
