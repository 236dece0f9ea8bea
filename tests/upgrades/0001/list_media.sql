-- name: list_own
-- A page of the caller's media objects, newest first, after the cursor.
SELECT * FROM media.media_objects
WHERE uploaded_by = $1 AND status <> 'deleted'
  AND ($2::varchar IS NULL OR context_type = $2) AND ($3::uuid IS NULL OR context_id = $3)
  AND ($4::varchar IS NULL OR file_type = $4) AND ($5::varchar IS NULL OR status = $5)
  AND ($6::uuid IS NULL OR id < $6)
ORDER BY id DESC
LIMIT $7 OFFSET $8;

-- name: list_all
-- A page of everyone's media objects, newest first, after the cursor.
SELECT * FROM media.media_objects
WHERE status <> 'deleted'
  AND ($1::varchar IS NULL OR context_type = $1) AND ($2::uuid IS NULL OR context_id = $2)
  AND ($3::varchar IS NULL OR file_type = $3) AND ($4::varchar IS NULL OR status = $4)
  AND ($5::uuid IS NULL OR id < $5)
ORDER BY id DESC
LIMIT $6 OFFSET $7;
