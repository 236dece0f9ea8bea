-- name: insert_pending
-- Record an upload that was asked for. A retry with the same Idempotency-Key gets the row of the first try: the update
-- changes nothing, but waits for a first try that is not committed yet and returns its row.
INSERT INTO media.media_objects AS m (
    file_name, original_file_name, file_type, mime_type, file_size,
    bucket_name, storage_path, incoming_bucket, incoming_path,
    uploaded_by, context_type, context_id, is_public, expires_at,
    declared_checksum_sha256, idempotency_key, request_hash, traceparent,
    upload_expires_at, sweep_at
)
VALUES (
    $1, $2, $3, $4, $5,
    $6, $7, $6, $7,
    $8, $9, $10, $11, $12,
    $13, $14, $15, $16,
    date_trunc('second', now()) + $17::integer * interval '1 second', now() + interval '15 seconds'
)
ON CONFLICT (uploaded_by, idempotency_key) DO UPDATE SET idempotency_key = m.idempotency_key
RETURNING m.*;
