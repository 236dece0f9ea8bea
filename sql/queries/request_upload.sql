-- name: request_uploads
-- One row for each entry of $10, in its order: what media.request_uploads made of it.
SELECT (r.object).*, r.refused, r.uploads_left, r.reset_seconds
FROM media.request_uploads(
    $1, $2, $3, $4, $5 * interval '1 second', $6 * interval '1 hour', $7, $8, $9, $10::text::jsonb
) AS r;
