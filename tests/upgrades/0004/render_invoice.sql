-- name: find_versions
-- Every version of an invoice number, the newest last.
SELECT i.*, m.status FROM media.invoices AS i LEFT JOIN media.media_objects AS m ON m.id = i.media_id
WHERE i.invoice_number = $1 ORDER BY i.version;

-- name: claim
-- Bind a number to what its PDF is made of, before the PDF exists. No row: someone else was faster.
INSERT INTO media.invoices (
    invoice_number, version, supersedes, invoice_id, order_sha256, document, bucket_name, storage_path, traceparent
)
VALUES ($1, $2, $3, $4, $5, $6::text::json, $7, $8, $9)
ON CONFLICT DO NOTHING
RETURNING *, NULL AS status;

-- name: mark_rendered
-- Win or lose: the first to say that the bytes are in storage makes the media object, and writes MediaUploaded.
WITH won AS (
    UPDATE media.invoices SET rendered_at = now(), template_version = $2, warnings = $3
    WHERE media_id = $1 AND rendered_at IS NULL
    RETURNING *
), made AS (
    INSERT INTO media.media_objects (
        id, file_name, original_file_name, file_type, mime_type, file_size, storage_path, bucket_name,
        context_type, context_id, status, checksum_sha256, etag, version_id, finalized_at, traceparent
    )
    SELECT
        media_id, $4, $4, 'pdf', 'application/pdf', $5, storage_path, bucket_name,
        'invoice_pdf', invoice_id, 'ready', $6, $7, $8, now(), traceparent
    FROM won
    RETURNING *
), announced AS (
    INSERT INTO media.outbox (event_id, event_type, media_id, payload, traceparent)
    SELECT $9, $10, id, $11::text::json, traceparent FROM made
), audited AS (
    INSERT INTO media.audit (actor, actor_kind, action, media_id, outcome)
    SELECT $12, $13, 'invoice.rendered', id, status FROM made
)
SELECT * FROM made;

-- name: find_made
-- The media object of an invoice that is rendered.
SELECT * FROM media.media_objects WHERE id = $1;

-- name: take_unrendered
-- Invoices that were claimed and not rendered, a few at a time: whoever did it has died, or a part is away. Each comes up
-- again in a minute, unless it is rendered by then.
UPDATE media.invoices AS i SET sweep_at = now() + interval '1 minute'
FROM (
    SELECT media_id FROM media.invoices WHERE rendered_at IS NULL AND sweep_at <= now()
    ORDER BY sweep_at LIMIT 10 FOR UPDATE SKIP LOCKED
) AS due
WHERE i.media_id = due.media_id
RETURNING i.*, NULL AS status;
