-- name: find_visible
-- The media object, if the caller uploaded it or is an admin ($3). A deleted one is not there.
SELECT * FROM media.media_objects WHERE id = $1 AND ($3 OR uploaded_by = $2) AND status <> 'deleted';

-- name: find_public
-- The media object, if it is public.
SELECT * FROM media.media_objects WHERE id = $1 AND is_public AND status <> 'deleted';
