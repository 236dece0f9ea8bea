-- name: revoke
-- Every temporary token that was issued for this object so far ends with the epoch that it was issued in.
WITH revoked AS (
    UPDATE media.media_objects SET link_epoch = link_epoch + 1, updated_at = now()
    WHERE id = $1 AND status IN ('pending', 'ready')
    RETURNING id
), audited AS (
    INSERT INTO media.audit (actor, actor_kind, action, media_id) SELECT $2, $3, 'links.revoked', id FROM revoked
)
SELECT * FROM revoked;
