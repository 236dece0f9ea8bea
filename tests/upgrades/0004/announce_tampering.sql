-- name: find_media
-- The media object that the event tells of.
SELECT * FROM media.media_objects WHERE id = $1;

-- name: announce
-- A ready object's bytes are not those that were checked: MediaTampered is written, once for each object. The audit
-- remembers it longer than the outbox does.
WITH found AS (
    SELECT m.id, m.traceparent FROM media.media_objects AS m
    WHERE m.id = $1 AND m.status = 'ready'
      AND NOT EXISTS (SELECT FROM media.audit AS a WHERE a.media_id = m.id AND a.action = 'media.tampered')
), announced AS (
    INSERT INTO media.outbox (event_id, event_type, media_id, payload, traceparent)
    SELECT $2, $3, id, $4::text::json, traceparent FROM found
    ON CONFLICT ON CONSTRAINT event_is_said_once DO NOTHING
    RETURNING media_id
), audited AS (
    INSERT INTO media.audit (actor_kind, action, media_id, outcome)
    SELECT 'system', 'media.tampered', media_id, $5 FROM announced
)
SELECT media_id FROM announced;
