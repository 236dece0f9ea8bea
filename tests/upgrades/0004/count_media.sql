-- name: count
-- How many media objects there are of each context type in each status, and how many bytes they have.
SELECT context_type, status, count(*) AS objects, sum(file_size)::bigint AS bytes
FROM media.media_objects GROUP BY context_type, status ORDER BY context_type, status;
