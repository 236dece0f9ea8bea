-- name: claim_due
-- Take ledger entries whose time has come; a claim is tried again after a minute. Bytes that a ready object is served
-- from are never taken, and a claimed copy can't win any more.
UPDATE media.purges AS p
SET claimed_at = now(), due_at = now() + interval '1 minute'
FROM (
    SELECT bucket_name, storage_path FROM media.purges AS due
    WHERE due.due_at <= now()
      AND NOT EXISTS (
          SELECT FROM media.media_objects AS m
          WHERE m.bucket_name = due.bucket_name AND m.storage_path = due.storage_path AND m.status = 'ready'
      )
    ORDER BY due.due_at
    LIMIT 500
    FOR UPDATE SKIP LOCKED
) AS due
WHERE p.bucket_name = due.bucket_name AND p.storage_path = due.storage_path
RETURNING p.bucket_name, p.storage_path;

-- name: claim_of_media
-- Take every entry of a settled media object, but that of the bytes that it is served from.
UPDATE media.purges AS p
SET claimed_at = now(), due_at = now() + interval '1 minute'
FROM media.media_objects AS m
WHERE p.media_id = $1 AND m.id = $1 AND m.status <> 'pending'
  AND NOT (m.status = 'ready' AND m.bucket_name = p.bucket_name AND m.storage_path = p.storage_path)
RETURNING p.bucket_name, p.storage_path;

-- name: close_removed
-- The bytes are gone. An entry stays until no URL can write its key again, and is then looked at once more.
WITH removed AS (
    SELECT unnest($1::varchar[]) AS bucket_name, unnest($2::varchar[]) AS storage_path
), closed AS (
    DELETE FROM media.purges AS p USING removed AS r
    WHERE p.bucket_name = r.bucket_name AND p.storage_path = r.storage_path AND p.closes_at <= now()
)
UPDATE media.purges AS p SET due_at = p.closes_at
FROM removed AS r
WHERE p.bucket_name = r.bucket_name AND p.storage_path = r.storage_path AND p.closes_at > now();

-- name: enter_closed
-- Whatever a closed media object may have left is due for removal now, though the ledger has forgotten it.
INSERT INTO media.purges AS p (bucket_name, storage_path, media_id, due_at)
SELECT DISTINCT place.bucket_name, place.storage_path, m.id, now()
FROM media.media_objects AS m
CROSS JOIN LATERAL (
    VALUES (m.bucket_name, m.storage_path), (m.incoming_bucket, m.incoming_path)
) AS place (bucket_name, storage_path)
WHERE m.id = $1 AND m.status IN ('rejected', 'expired', 'deleted') AND place.storage_path IS NOT NULL
ON CONFLICT (bucket_name, storage_path) DO UPDATE SET due_at = now();
