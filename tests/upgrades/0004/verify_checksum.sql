-- name: name_copy
-- Enter a copy of a ready object into the ledger before it exists. Copying takes less than an hour; until then the entry
-- remains, as the copy may still come into being after it was removed.
INSERT INTO media.purges (bucket_name, storage_path, media_id, due_at, closes_at)
SELECT $2, $3, m.id, now() + interval '1 hour', now() + interval '1 hour'
FROM media.media_objects AS m WHERE m.id = $1 AND m.status = 'ready'
RETURNING media_id;

-- name: forget_copy
-- There are no bytes under this key any more, and there will be none.
DELETE FROM media.purges WHERE bucket_name = $1 AND storage_path = $2;

-- name: find_ready
-- The media object, if it is ready.
SELECT * FROM media.media_objects WHERE id = $1 AND status = 'ready';
