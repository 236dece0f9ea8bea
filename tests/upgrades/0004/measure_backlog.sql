-- name: count_waiting
-- Unpublished events, the age of the oldest in seconds, and pending uploads: each has a partial index of its own.
SELECT
    count(*) AS events,
    coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::double precision AS age_seconds,
    (SELECT count(*) FROM media.media_objects WHERE status = 'pending') AS pending
FROM media.outbox WHERE published_at IS NULL;
