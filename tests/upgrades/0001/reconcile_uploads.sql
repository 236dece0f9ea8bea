-- name: take_unsettled
-- Pending uploads whose turn it is, for this sweep alone. The next look comes later the older the upload is.
UPDATE media.media_objects AS m
SET sweep_at = now() + least(interval '1 minute', greatest(interval '5 seconds', (now() - m.created_at) / 4))
FROM (
    SELECT id FROM media.media_objects
    WHERE status = 'pending' AND sweep_at <= now()
    ORDER BY sweep_at
    LIMIT 200
    FOR UPDATE SKIP LOCKED
) AS due
WHERE m.id = due.id
RETURNING m.*;
