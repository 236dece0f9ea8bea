-- name: count_ready
-- How many media objects are ready, and how many of them in buckets other than these ($1).
SELECT count(*) AS ready, count(*) FILTER (WHERE bucket_name <> ALL ($1::varchar[])) AS elsewhere
FROM media.media_objects WHERE status = 'ready';

-- name: list_ready
-- Ready media objects whose keys come after $2, and not after $3, in the order in which storage lists keys.
SELECT id, storage_path, version_id, file_size, etag FROM media.media_objects
WHERE status = 'ready' AND bucket_name = $1
  AND storage_path COLLATE "C" > $2::varchar COLLATE "C" AND storage_path COLLATE "C" <= $3::varchar COLLATE "C"
ORDER BY storage_path COLLATE "C"
LIMIT $4;

-- name: still_ready
-- The media object, if it is still served from where it was seen to be.
SELECT id FROM media.media_objects
WHERE id = $1 AND status = 'ready' AND bucket_name = $2 AND storage_path = $3 AND version_id IS NOT DISTINCT FROM $4;

-- name: find_claims
-- Who claims the bytes under these keys, all at one moment: what is served, what is awaited, what is
-- to be removed, the PDF of an invoice that is being rendered.
-- Without a version it is all of them.
SELECT storage_path AS key, version_id FROM media.media_objects
WHERE bucket_name = $1 AND storage_path = ANY ($2::varchar[]) AND status = 'ready'
UNION ALL
SELECT incoming_path, NULL FROM media.media_objects
WHERE incoming_bucket = $1 AND incoming_path = ANY ($2) AND status = 'pending'
UNION ALL
SELECT storage_path, NULL FROM media.purges WHERE bucket_name = $1 AND storage_path = ANY ($2)
UNION ALL
SELECT storage_path, NULL FROM media.invoices
WHERE bucket_name = $1 AND storage_path = ANY ($2) AND rendered_at IS NULL;
