-- name: list_visible
-- A page of the media objects that the caller uploaded or holds a claim to the context of, newest first, after the
-- cursor. Each part reads its index no further than this page.
WITH visible AS (
    (
        SELECT * FROM media.media_objects
        WHERE uploaded_by = $1 AND status <> 'deleted'
          AND ($2::varchar IS NULL OR context_type = $2) AND ($3::uuid IS NULL OR context_id = $3)
          AND ($4::varchar IS NULL OR file_type = $4) AND ($5::varchar IS NULL OR status = $5)
          AND ($6::uuid IS NULL OR id < $6)
        ORDER BY id DESC LIMIT $7::bigint + $8::bigint
    )
    UNION
    (
        SELECT m.*
        FROM unnest($9::varchar[], $10::uuid[]) AS claimed (context_type, context_id)
        CROSS JOIN LATERAL (
            SELECT * FROM media.media_objects AS o
            WHERE o.context_type = claimed.context_type AND o.context_id = claimed.context_id AND o.status <> 'deleted'
              AND ($2 IS NULL OR o.context_type = $2) AND ($3 IS NULL OR o.context_id = $3)
              AND ($4 IS NULL OR o.file_type = $4) AND ($5 IS NULL OR o.status = $5)
              AND ($6 IS NULL OR o.id < $6)
            ORDER BY o.id DESC LIMIT $7 + $8
        ) AS m
    )
)
SELECT * FROM visible ORDER BY id DESC LIMIT $7 OFFSET $8;

-- name: list_all
-- A page of everyone's media objects, newest first, after the cursor.
SELECT * FROM media.media_objects
WHERE status <> 'deleted'
  AND ($1::varchar IS NULL OR context_type = $1) AND ($2::uuid IS NULL OR context_id = $2)
  AND ($3::varchar IS NULL OR file_type = $3) AND ($4::varchar IS NULL OR status = $4)
  AND ($5::uuid IS NULL OR id < $5)
ORDER BY id DESC
LIMIT $6 OFFSET $7;

-- name: list_any
-- A page of every media object there ever was, newest first, after the cursor.
SELECT * FROM media.media_objects
WHERE ($1::varchar IS NULL OR status = $1) AND ($2::uuid IS NULL OR uploaded_by = $2)
  AND ($3::varchar IS NULL OR rejection_reason = $3)
  AND ($4::timestamptz IS NULL OR created_at < $4) AND ($5::timestamptz IS NULL OR created_at >= $5)
  AND ($6::uuid IS NULL OR id < $6)
ORDER BY id DESC
LIMIT $7;
