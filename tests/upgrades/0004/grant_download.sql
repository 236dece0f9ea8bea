-- name: find_many
-- Those of these media objects that are there, for a caller who may have links to all; for the ready ones it is recorded.
WITH found AS (
    SELECT * FROM media.media_objects WHERE id = ANY($1::uuid[]) AND status <> 'deleted'
), audited AS (
    INSERT INTO media.audit (actor, actor_kind, action, media_id)
    SELECT $2, $3, 'link.issued', id FROM found
    WHERE status = 'ready' AND (expires_at IS NULL OR expires_at > now())
)
SELECT * FROM found;
