-- name: list_invoices
-- Invoices that were ordered from $1 on and before $2, a page in the order of their media ids, after $3.
SELECT i.*, m.status, m.checksum_sha256, m.version_id, m.file_size, m.etag
FROM media.invoices AS i LEFT JOIN media.media_objects AS m ON m.id = i.media_id
WHERE i.requested_at >= $1 AND i.requested_at < $2 AND i.media_id > $3
ORDER BY i.media_id
LIMIT 200;

-- name: mark_restored
-- The bytes of a ready invoice are in storage again, the same as before.
UPDATE media.media_objects SET etag = $3, version_id = $4, updated_at = now()
WHERE id = $1 AND status = 'ready' AND checksum_sha256 = $2
RETURNING id;

-- name: find_version
-- One version of an invoice number.
SELECT i.*, m.status, m.checksum_sha256 FROM media.invoices AS i LEFT JOIN media.media_objects AS m ON m.id = i.media_id
WHERE i.invoice_number = $1 AND i.version = $2;
