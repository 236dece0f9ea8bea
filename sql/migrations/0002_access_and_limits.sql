-- What one user holds and asks for, revisions and link epochs of media objects, and the record of who did what.

ALTER TABLE media.media_objects
    ADD COLUMN revision   integer NOT NULL DEFAULT 1,
    ADD COLUMN link_epoch integer NOT NULL DEFAULT 0;

CREATE FUNCTION media.count_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END
$$;

CREATE TRIGGER revision_is_counted
    BEFORE UPDATE OF status, original_file_name, is_public, context_type, context_id, expires_at, link_epoch
    ON media.media_objects
    FOR EACH ROW EXECUTE FUNCTION media.count_revision();

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

-- The trigger's lock holds writers off until this transaction ends, so none is missed and none counted twice.
INSERT INTO media.uploaders (id, pending_uploads, held_bytes)
SELECT uploaded_by, count(*) FILTER (WHERE status = 'pending'), sum(file_size)
FROM media.media_objects
WHERE uploaded_by IS NOT NULL AND status IN ('pending', 'ready')
GROUP BY uploaded_by;

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
            'upload.requested', 'upload.finalized', 'upload.retried', 'link.issued', 'links.revoked',
            'media.changed', 'media.deleted', 'media.expired', 'media.purged', 'message.replayed'
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
