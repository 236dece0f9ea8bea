-- name: find_visible
-- The media object, if the caller uploaded it or is an admin ($3). A deleted one is not there.
SELECT * FROM media.media_objects WHERE id = $1 AND ($3 OR uploaded_by = $2) AND status <> 'deleted';

-- name: find_linked
-- The media object that a temporary token names. A deleted one is not there.
SELECT * FROM media.media_objects WHERE id = $1 AND status <> 'deleted';
