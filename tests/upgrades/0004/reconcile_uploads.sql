-- name: take_unsettled
-- Pending uploads whose turn it is, for this sweep alone. The next look comes later the older the upload is. Where
-- notifications are late ($1), the first comes after 2 seconds instead of 15, so that it does not wait for them.
UPDATE media.media_objects AS m
SET sweep_at = now() + least(interval '1 minute', greatest(interval '5 seconds', (now() - m.created_at) / 4))
FROM (
    SELECT id FROM media.media_objects
    WHERE status = 'pending'
      AND sweep_at <= now() + CASE WHEN $1 THEN interval '13 seconds' ELSE interval '0' END
      AND (sweep_at <= now() OR sweep_at = created_at + interval '15 seconds')
    ORDER BY sweep_at
    LIMIT 10
    FOR UPDATE SKIP LOCKED
) AS due
WHERE m.id = due.id
RETURNING m.*;
