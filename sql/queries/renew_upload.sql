-- name: renew
-- A pending upload's URL lives $2 seconds from now on, but not longer than $3 hours after it was asked for.
WITH renewed AS (
    UPDATE media.media_objects AS m
    SET upload_expires_at = media.renewed_until(
            m.created_at, m.upload_expires_at, $2 * interval '1 second', $3 * interval '1 hour'
        ),
        updated_at = now()
    WHERE m.id = $1 AND m.status = 'pending' AND m.created_at + $3 * interval '1 hour' > now()
    RETURNING m.*
), audited AS (
    INSERT INTO media.audit (actor, actor_kind, action, media_id) SELECT $4, $5, 'upload.renewed', id FROM renewed
)
SELECT * FROM renewed;
