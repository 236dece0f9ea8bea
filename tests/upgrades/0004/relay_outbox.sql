-- name: take_unpublished
-- The oldest unpublished event of each object, for this relay alone: an object's later events wait for its earlier ones.
SELECT o.id, o.event_id, o.event_type, o.media_id, o.payload::text AS payload, o.traceparent
FROM media.outbox AS o
WHERE o.published_at IS NULL
  AND NOT EXISTS (
      SELECT FROM media.outbox AS earlier
      WHERE earlier.media_id = o.media_id AND earlier.id < o.id AND earlier.published_at IS NULL
  )
ORDER BY o.id
LIMIT 200
FOR UPDATE OF o SKIP LOCKED;

-- name: mark_published
-- These events are in the stream.
UPDATE media.outbox SET published_at = now() WHERE id = ANY($1::bigint[]);

-- name: prune_published
-- The oldest events, where they were published more than $1 hours ago, are forgotten. It looks at so many from the start
-- of the primary key, as events are published about in the order of their ids: no index, and no search when none is due.
DELETE FROM media.outbox AS o
USING (SELECT id FROM media.outbox ORDER BY id LIMIT 1000) AS oldest
WHERE o.id = oldest.id AND o.published_at < now() - $1 * interval '1 hour'
RETURNING o.id;
