-- name: unpublish
-- Events that were published before $1, in order from id $2 on, a batch at most, wait for the relay again. Doing it twice,
-- or for events that are in the stream after all as clocks differ, is harmless: an event keeps its id.
UPDATE media.outbox AS o SET published_at = NULL
FROM (
    SELECT id FROM media.outbox WHERE id > $2 AND published_at < $1 ORDER BY id LIMIT 2000 FOR UPDATE
) AS lost
WHERE o.id = lost.id
RETURNING o.id;
