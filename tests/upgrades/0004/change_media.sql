-- name: change
-- Change what may be changed of an object that is still in the revision ($2) that the caller looked at. Tokens that were
-- issued while it was public die when it is made private.
WITH changed AS (
    UPDATE media.media_objects
    SET original_file_name = $3, is_public = $4, context_type = $5, context_id = $6, expires_at = $7,
        link_epoch = link_epoch + (is_public AND NOT $4)::integer, updated_at = now()
    WHERE id = $1 AND revision = $2 AND status IN ('pending', 'ready')
    RETURNING *
), audited AS (
    INSERT INTO media.audit (actor, actor_kind, action, media_id) SELECT $8, $9, 'media.changed', id FROM changed
)
SELECT * FROM changed;
