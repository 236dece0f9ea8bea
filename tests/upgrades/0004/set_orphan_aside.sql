-- name: claim
-- Whether anyone claims this version under this key by now: what is served, what is awaited, what is to be removed.
SELECT true AS is_claimed FROM media.media_objects
WHERE bucket_name = $1 AND storage_path = $2 AND status = 'ready' AND coalesce(version_id, $3) = $3
UNION ALL
SELECT true FROM media.media_objects WHERE incoming_bucket = $1 AND incoming_path = $2 AND status = 'pending'
UNION ALL
SELECT true FROM media.purges WHERE bucket_name = $1 AND storage_path = $2;
