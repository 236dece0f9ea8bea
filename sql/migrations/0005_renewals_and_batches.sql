-- outside a transaction: the check of a table that is written to is done in two short steps.
SET lock_timeout = '5s';

-- The end of a pending upload's URL can be seen by its uploader, so it counts as a change.
CREATE OR REPLACE TRIGGER revision_is_counted
    BEFORE UPDATE OF status, original_file_name, is_public, context_type, context_id, expires_at, link_epoch,
        upload_expires_at
    ON media.media_objects
    FOR EACH ROW EXECUTE FUNCTION media.count_revision();

-- Until when the URL of a pending upload lives once it is renewed: never shorter than before, and not for ever.
CREATE OR REPLACE FUNCTION media.renewed_until(
    created_at timestamptz, upload_expires_at timestamptz, url_life interval, longest_life interval
) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT greatest(
        upload_expires_at, least(date_trunc('second', now()) + url_life, date_trunc('second', created_at) + longest_life)
    )
$$;

-- What one user asks for in one call, entry by entry: an earlier media object that this is a retry of (same
-- Idempotency-Key), a new pending one, or why there is none. A retry counts for nothing, and its URL is renewed where it
-- ends soon. An entry that may only be a retry (retry_only) makes no object. A limit of 0 is none.
CREATE OR REPLACE FUNCTION media.request_uploads(
    uploader uuid, kind varchar, bucket varchar, traceparent varchar, url_life interval, longest_life interval,
    uploads_per_minute integer, most_pending integer, quota_bytes bigint, entries jsonb
) RETURNS TABLE (object media.media_objects, refused varchar, uploads_left integer, reset_seconds integer)
LANGUAGE plpgsql AS $$
DECLARE
    entry record;
    asking media.uploaders;
    recent timestamptz[];
    admitted integer := 0;
BEGIN
    -- Media objects are locked before their user, as wherever an upload is settled: the other way round is a deadlock.
    IF jsonb_path_exists(entries, '$[*].idempotency_key ? (@ != null)') THEN
        WITH retried AS (
            SELECT m.id FROM media.media_objects AS m
            JOIN jsonb_to_recordset(entries) AS e (idempotency_key varchar, request_hash varchar)
                ON m.idempotency_key = e.idempotency_key AND m.request_hash = decode(e.request_hash, 'hex')
            WHERE m.uploaded_by = uploader AND m.status = 'pending'
                AND m.upload_expires_at < now() + url_life / 2 AND m.created_at + longest_life > now()
            ORDER BY m.id FOR UPDATE OF m
        ), renewed AS (
            UPDATE media.media_objects AS m
            SET upload_expires_at = media.renewed_until(m.created_at, m.upload_expires_at, url_life, longest_life),
                updated_at = now()
            FROM retried WHERE m.id = retried.id
            RETURNING m.id
        )
        INSERT INTO media.audit (actor, actor_kind, action, media_id)
        SELECT uploader, kind, 'upload.renewed', id FROM renewed;
    END IF;

    FOR entry IN
        SELECT * FROM jsonb_to_recordset(entries) AS e (
            retry_only boolean, file_name varchar, original_file_name varchar, file_type varchar, mime_type varchar,
            file_size bigint, storage_path varchar, context_type varchar, context_id uuid, is_public boolean,
            expires_at timestamptz, checksum_sha256 varchar, idempotency_key varchar, request_hash varchar
        )
    LOOP
        object := NULL; refused := NULL; uploads_left := NULL; reset_seconds := NULL;
        IF asking.id IS NULL AND NOT entry.retry_only THEN
            LOOP  -- the row that another call made may be gone again, as that was refused
                SELECT u.* INTO asking FROM media.uploaders AS u WHERE u.id = uploader FOR UPDATE;
                EXIT WHEN FOUND;
                INSERT INTO media.uploaders (id) VALUES (uploader) ON CONFLICT (id) DO NOTHING;
            END LOOP;
            recent := ARRAY(SELECT at FROM unnest(asking.asked_at) AS at WHERE at > clock_timestamp() - interval '1 minute');
        END IF;

        -- A call that waited for the lock sees what the others got, also under the same key.
        IF entry.idempotency_key IS NOT NULL THEN
            SELECT m.* INTO object FROM media.media_objects AS m
            WHERE m.uploaded_by = uploader AND m.idempotency_key = entry.idempotency_key;
        END IF;
        IF object.id IS NOT NULL THEN
            IF object.request_hash <> decode(entry.request_hash, 'hex') THEN
                refused := 'idempotency_key_reused';
            END IF;
            RETURN NEXT;
            CONTINUE;
        END IF;

        refused := CASE
            WHEN entry.retry_only THEN 'no_retry'
            WHEN uploads_per_minute > 0 AND cardinality(recent) >= uploads_per_minute THEN 'upload_rate_exceeded'
            WHEN most_pending > 0 AND asking.pending_uploads >= most_pending THEN 'too_many_pending'
            WHEN quota_bytes > 0 AND asking.held_bytes + entry.file_size > quota_bytes THEN 'quota_exceeded'
        END;
        IF refused IS NULL THEN
            INSERT INTO media.media_objects (
                file_name, original_file_name, file_type, mime_type, file_size,
                bucket_name, storage_path, incoming_bucket, incoming_path,
                uploaded_by, context_type, context_id, is_public, expires_at,
                declared_checksum_sha256, idempotency_key, request_hash, traceparent,
                upload_expires_at, sweep_at
            ) VALUES (
                entry.file_name, entry.original_file_name, entry.file_type, entry.mime_type, entry.file_size,
                bucket, entry.storage_path, bucket, entry.storage_path,
                uploader, entry.context_type, entry.context_id, entry.is_public, entry.expires_at,
                entry.checksum_sha256, entry.idempotency_key, decode(entry.request_hash, 'hex'), request_uploads.traceparent,
                date_trunc('second', now()) + url_life, now() + interval '15 seconds'
            ) RETURNING * INTO object;
            INSERT INTO media.audit (actor, actor_kind, action, media_id)
            VALUES (uploader, kind, 'upload.requested', object.id);
            admitted := admitted + 1;
            recent := recent || clock_timestamp();
            asking.pending_uploads := asking.pending_uploads + 1;
            asking.held_bytes := asking.held_bytes + entry.file_size;
        END IF;
        IF uploads_per_minute > 0 AND NOT entry.retry_only THEN
            uploads_left := uploads_per_minute - cardinality(recent);
            reset_seconds := greatest(1, ceil(extract(epoch FROM recent[1] + interval '1 minute' - clock_timestamp())));
        END IF;
        RETURN NEXT;
    END LOOP;

    IF admitted > 0 AND uploads_per_minute > 0 THEN
        UPDATE media.uploaders SET asked_at = recent WHERE id = uploader;
    ELSIF admitted = 0 AND asking.id IS NOT NULL THEN
        DELETE FROM media.uploaders WHERE id = uploader AND (pending_uploads, held_bytes, asked_at) = (0, 0, '{}');
    END IF;
END
$$;

ALTER TABLE media.audit
    DROP CONSTRAINT IF EXISTS action_is_known,
    ADD CONSTRAINT action_is_known CHECK (
        action IN (
            'upload.requested', 'upload.renewed', 'upload.finalized', 'upload.retried', 'link.issued', 'links.revoked',
            'invoice.rendered', 'media.changed', 'media.deleted', 'media.expired', 'media.purged', 'media.tampered',
            'message.replayed'
        )
    ) NOT VALID;
ALTER TABLE media.audit VALIDATE CONSTRAINT action_is_known;
