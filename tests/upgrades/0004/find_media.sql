-- name: find_visible
-- The media object, if the caller may know of it: uploaded it, holds a claim to its context, or may see everything ($3).
-- A deleted one is not there.
SELECT * FROM media.media_objects
WHERE id = $1 AND status <> 'deleted'
  AND ($3 OR uploaded_by = $2 OR (context_type, context_id) IN (SELECT * FROM unnest($4::varchar[], $5::uuid[])));

-- name: find_linked
-- The media object that a temporary token names. A deleted one is not there.
SELECT * FROM media.media_objects WHERE id = $1 AND status <> 'deleted';

-- name: find_any
-- The media object, whatever became of it.
SELECT * FROM media.media_objects WHERE id = $1;
