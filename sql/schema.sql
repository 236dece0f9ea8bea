-- The schema as the migrations leave it, to read in one piece. tests/outside/test_database.py proves the two equal.

CREATE SCHEMA media;

CREATE TABLE media.migrations (
    name       varchar     PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE media.media_objects (
    id                       uuid PRIMARY KEY DEFAULT uuidv7(),
    file_name                varchar     NOT NULL,
    original_file_name       varchar     NOT NULL,
    file_type                varchar     NOT NULL,
    mime_type                varchar     NOT NULL,
    file_size                bigint      NOT NULL,
    storage_path             varchar     NOT NULL,
    bucket_name              varchar     NOT NULL,
    -- No foreign key: users live in auth-service, in a database of its own.
    uploaded_by              uuid,
    context_type             varchar,
    context_id               uuid,
    is_public                boolean     NOT NULL DEFAULT false,
    expires_at               timestamptz,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    status                   varchar     NOT NULL DEFAULT 'pending',
    rejection_reason         varchar,
    declared_checksum_sha256 varchar,
    checksum_sha256          varchar,
    etag                     varchar,
    -- The version that was checked, where the bucket keeps versions: links name it, so nothing else is ever served.
    version_id               varchar,
    width                    integer,
    height                   integer,
    incoming_bucket          varchar,
    incoming_path            varchar,
    upload_expires_at        timestamptz,
    finalized_at             timestamptz,
    finalized_by             varchar,
    idempotency_key          varchar,
    request_hash             bytea,
    traceparent              varchar,
    sweep_at                 timestamptz,
    -- Counts what a client can see change: it is the ETag.
    revision                 integer     NOT NULL DEFAULT 1,
    -- A temporary token opens the object only in the epoch that it was issued in.
    link_epoch               integer     NOT NULL DEFAULT 0,

    CONSTRAINT status_is_known CHECK (status IN ('pending', 'ready', 'rejected', 'expired', 'deleted')),
    CONSTRAINT file_type_is_known CHECK (file_type IN ('image', 'pdf', 'document', 'other')),
    CONSTRAINT context_type_is_known
        CHECK (context_type IN ('ticket_photo', 'invoice_pdf', 'website_media', 'other')),
    CONSTRAINT finalized_by_is_known CHECK (finalized_by IN ('notification', 'complete', 'sweep')),
    CONSTRAINT file_size_is_positive CHECK (file_size > 0),
    CONSTRAINT names_are_not_empty
        CHECK (file_name <> '' AND original_file_name <> '' AND storage_path <> '' AND bucket_name <> ''),
    CONSTRAINT lengths_are_bounded
        CHECK (length(original_file_name) <= 255 AND length(idempotency_key) <= 255 AND length(mime_type) <= 255),
    CONSTRAINT context_id_has_a_type CHECK (context_id IS NULL OR context_type IS NOT NULL),
    CONSTRAINT pending_awaits_an_upload CHECK (
        status <> 'pending'
        OR (incoming_path IS NOT NULL AND upload_expires_at IS NOT NULL AND sweep_at IS NOT NULL)
    ),
    CONSTRAINT incoming_is_whole CHECK ((incoming_path IS NULL) = (incoming_bucket IS NULL)),
    CONSTRAINT ready_is_measured CHECK (status <> 'ready' OR (etag IS NOT NULL AND finalized_at IS NOT NULL)),
    CONSTRAINT ready_keeps_its_declared_checksum CHECK (
        status <> 'ready' OR declared_checksum_sha256 IS NULL
        OR checksum_sha256 IS NOT DISTINCT FROM declared_checksum_sha256
    ),
    CONSTRAINT only_rejected_has_a_reason CHECK ((status = 'rejected') = (rejection_reason IS NOT NULL)),
    CONSTRAINT idempotency_key_has_an_owner_and_a_request
        CHECK (idempotency_key IS NULL OR (uploaded_by IS NOT NULL AND request_hash IS NOT NULL))
);

CREATE UNIQUE INDEX media_objects_storage_path ON media.media_objects (bucket_name, storage_path);
CREATE UNIQUE INDEX media_objects_incoming_path ON media.media_objects (incoming_bucket, incoming_path);
CREATE UNIQUE INDEX media_objects_idempotency_key ON media.media_objects (uploaded_by, idempotency_key);
-- The list, newest first (ids are UUIDv7): of one owner, and of one context.
CREATE INDEX media_objects_owner ON media.media_objects (uploaded_by, id DESC);
CREATE INDEX media_objects_context ON media.media_objects (context_type, context_id, id DESC);
-- What the sweep and the expiry look for: their cost grows with these rows, not with all.
CREATE INDEX media_objects_sweep ON media.media_objects (sweep_at) WHERE status = 'pending';
CREATE INDEX media_objects_expiry ON media.media_objects (expires_at) WHERE status = 'ready';
-- What `media audit` reads by: in the order in which storage lists keys.
CREATE INDEX media_objects_storage_order
    ON media.media_objects (bucket_name, storage_path COLLATE "C") WHERE status = 'ready';

CREATE FUNCTION media.refuse_wrong_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (
        (OLD.status = 'pending' AND NEW.status IN ('ready', 'rejected', 'expired'))
        OR (OLD.status = 'ready' AND NEW.status IN ('deleted', 'expired'))
    ) THEN
        RAISE EXCEPTION 'a media object can not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transition_is_known';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER transition_is_known BEFORE UPDATE OF status ON media.media_objects
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION media.refuse_wrong_transition();

CREATE FUNCTION media.count_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END
$$;

CREATE TRIGGER revision_is_counted
    BEFORE UPDATE OF status, original_file_name, is_public, context_type, context_id, expires_at, link_epoch,
        upload_expires_at
    ON media.media_objects
    FOR EACH ROW EXECUTE FUNCTION media.count_revision();

-- The ledger of bytes that must not stay: a copy is entered before it exists and leaves the ledger only by winning;
-- the bytes of a closed object stay in it until no presigned URL can write them again (closes_at).
CREATE TABLE media.purges (
    bucket_name  varchar     NOT NULL,
    storage_path varchar     NOT NULL,
    media_id     uuid        NOT NULL,
    due_at       timestamptz NOT NULL,
    closes_at    timestamptz NOT NULL DEFAULT now(),
    claimed_at   timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bucket_name, storage_path)
);

CREATE INDEX purges_due ON media.purges (due_at);
CREATE INDEX purges_media_id ON media.purges (media_id);

-- Events, written in the transaction of the change that they announce. `payload` is json, not jsonb: published as written.
CREATE TABLE media.outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     uuid        NOT NULL,
    event_type   varchar     NOT NULL,
    media_id     uuid        NOT NULL,
    payload      json        NOT NULL,
    traceparent  varchar,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    CONSTRAINT event_is_said_once UNIQUE (event_id),
    CONSTRAINT event_type_is_known
        CHECK (event_type IN ('MediaUploaded', 'MediaRejected', 'MediaDeleted', 'MediaExpired', 'MediaTampered'))
);

-- Serves the relay: what is unpublished, and whether an earlier event of the same object is.
CREATE INDEX outbox_unpublished ON media.outbox (id) WHERE published_at IS NULL;
CREATE INDEX outbox_unpublished_of_media ON media.outbox (media_id, id) WHERE published_at IS NULL;

-- Wakes the relay, and whoever waits for this object's change of state.
CREATE FUNCTION media.notify_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('media_outbox', NEW.media_id::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER outbox_is_announced AFTER INSERT ON media.outbox
    FOR EACH ROW EXECUTE FUNCTION media.notify_outbox();

-- What each user asks for and holds: counted by the rows themselves, so that no statement can forget to.
CREATE TABLE media.uploaders (
    id              uuid          PRIMARY KEY,
    -- When each upload of the last minute was asked for, in order.
    asked_at        timestamptz[] NOT NULL DEFAULT '{}',
    pending_uploads integer       NOT NULL DEFAULT 0,
    held_bytes      bigint        NOT NULL DEFAULT 0
);

CREATE FUNCTION media.count_uploads() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    counted uuid;
    pending integer := 0;
    bytes bigint := 0;
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        counted := OLD.uploaded_by;
        pending := pending - (OLD.status = 'pending')::integer;
        bytes := bytes - CASE WHEN OLD.status IN ('pending', 'ready') THEN OLD.file_size ELSE 0 END;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        counted := NEW.uploaded_by;
        pending := pending + (NEW.status = 'pending')::integer;
        bytes := bytes + CASE WHEN NEW.status IN ('pending', 'ready') THEN NEW.file_size ELSE 0 END;
    END IF;
    IF counted IS NOT NULL AND (pending, bytes) <> (0, 0) THEN
        INSERT INTO media.uploaders AS u (id, pending_uploads, held_bytes) VALUES (counted, pending, bytes)
        ON CONFLICT (id) DO UPDATE
        SET pending_uploads = u.pending_uploads + pending, held_bytes = u.held_bytes + bytes;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER uploads_are_counted AFTER INSERT OR UPDATE OF status OR DELETE ON media.media_objects
    FOR EACH ROW EXECUTE FUNCTION media.count_uploads();

-- Who did what to which media object. Holds no URL and no file name.
CREATE TABLE media.audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor      uuid,
    actor_kind varchar     NOT NULL,
    action     varchar     NOT NULL,
    media_id   uuid,
    outcome    varchar,
    CONSTRAINT actor_kind_is_known CHECK (actor_kind IN ('user', 'service', 'admin', 'link', 'system')),
    CONSTRAINT principals_have_an_id CHECK ((actor IS NULL) = (actor_kind IN ('link', 'system'))),
    CONSTRAINT action_is_known CHECK (
        action IN (
            'upload.requested', 'upload.renewed', 'upload.finalized', 'upload.retried', 'link.issued', 'links.revoked',
            'invoice.rendered', 'media.changed', 'media.deleted', 'media.expired', 'media.purged', 'media.tampered',
            'message.replayed'
        )
    )
);

CREATE INDEX audit_media_id ON media.audit (media_id, id DESC);
CREATE INDEX audit_actor ON media.audit (actor, id DESC);

CREATE FUNCTION media.refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit can only be appended to' USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_is_append_only';
END
$$;

CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON media.audit
    FOR EACH STATEMENT EXECUTE FUNCTION media.refuse_rewriting();

-- Until when the URL of a pending upload lives once it is renewed: never shorter than before, and not for ever.
CREATE FUNCTION media.renewed_until(
    created_at timestamptz, upload_expires_at timestamptz, url_life interval, longest_life interval
) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT greatest(
        upload_expires_at, least(date_trunc('second', now()) + url_life, date_trunc('second', created_at) + longest_life)
    )
$$;

-- What one user asks for in one call, entry by entry: an earlier media object that this is a retry of (same
-- Idempotency-Key), a new pending one, or why there is none. A retry counts for nothing, and its URL is renewed where it
-- ends soon. An entry that may only be a retry (retry_only) makes no object. A limit of 0 is none.
CREATE FUNCTION media.request_uploads(
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

-- Invoices that were ordered. A row is the claim to a number, made before the bytes of its PDF exist: whoever renders that
-- number from then on renders this document. It never changes, but is marked as rendered, once.
CREATE TABLE media.invoices (
    invoice_number   varchar     NOT NULL,
    version          integer     NOT NULL,
    media_id         uuid        NOT NULL DEFAULT uuidv7(),
    supersedes       uuid,
    invoice_id       uuid        NOT NULL,
    order_sha256     varchar     NOT NULL,
    -- What the PDF is made of, in its canonical form: json, not jsonb, so that it stays as it was written.
    document         json        NOT NULL,
    bucket_name      varchar     NOT NULL,
    storage_path     varchar     NOT NULL,
    template_version varchar,
    warnings         varchar[]   NOT NULL DEFAULT '{}',
    traceparent      varchar,
    requested_at     timestamptz NOT NULL DEFAULT now(),
    rendered_at      timestamptz,
    sweep_at         timestamptz NOT NULL DEFAULT now() + interval '30 seconds',
    PRIMARY KEY (invoice_number, version),
    CONSTRAINT invoice_has_one_media_object UNIQUE (media_id),
    CONSTRAINT invoice_has_one_place UNIQUE (bucket_name, storage_path),
    CONSTRAINT superseded_is_an_invoice FOREIGN KEY (supersedes) REFERENCES media.invoices (media_id),
    CONSTRAINT version_is_superseded_once UNIQUE (supersedes),
    CONSTRAINT first_version_supersedes_none CHECK ((version = 1) = (supersedes IS NULL)),
    CONSTRAINT rendered_names_its_template CHECK (rendered_at IS NULL OR template_version IS NOT NULL)
);

-- What the sweep looks for: its cost grows with these rows, not with all. And what `media invoice replay` does.
CREATE INDEX invoices_sweep ON media.invoices (sweep_at) WHERE rendered_at IS NULL;
CREATE INDEX invoices_requested_at ON media.invoices (requested_at);

CREATE FUNCTION media.refuse_changing_an_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'an invoice can not be changed' USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_is_immutable'; END
$$;

CREATE TRIGGER invoice_is_immutable
    BEFORE DELETE OR UPDATE OF invoice_number, version, media_id, supersedes, invoice_id, order_sha256, document,
        bucket_name, storage_path, requested_at ON media.invoices
    FOR EACH ROW EXECUTE FUNCTION media.refuse_changing_an_invoice();
