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
