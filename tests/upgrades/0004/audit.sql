-- name: record
-- Someone did something that no other statement records.
INSERT INTO media.audit (actor, actor_kind, action, media_id, outcome) VALUES ($1, $2, $3, $4, $5);

-- name: page
-- What was done, newest first, before the entry $4.
SELECT id, at, actor, actor_kind, action, media_id, outcome FROM media.audit
WHERE ($1::uuid IS NULL OR media_id = $1) AND ($2::uuid IS NULL OR actor = $2) AND ($3::varchar IS NULL OR action = $3)
  AND ($4::bigint IS NULL OR id < $4)
ORDER BY id DESC
LIMIT $5;
