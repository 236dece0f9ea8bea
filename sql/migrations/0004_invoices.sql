-- outside a transaction: the check of a table that is written to is done in two short steps.
SET lock_timeout = '5s';

-- Invoices that were ordered. A row is the claim to a number, made before the bytes of its PDF exist: whoever renders that
-- number from then on renders this document. It never changes, but is marked as rendered, once.
CREATE TABLE IF NOT EXISTS media.invoices (
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
CREATE INDEX IF NOT EXISTS invoices_sweep ON media.invoices (sweep_at) WHERE rendered_at IS NULL;
CREATE INDEX IF NOT EXISTS invoices_requested_at ON media.invoices (requested_at);

CREATE OR REPLACE FUNCTION media.refuse_changing_an_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'an invoice can not be changed' USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_is_immutable'; END
$$;

CREATE OR REPLACE TRIGGER invoice_is_immutable
    BEFORE DELETE OR UPDATE OF invoice_number, version, media_id, supersedes, invoice_id, order_sha256, document,
        bucket_name, storage_path, requested_at ON media.invoices
    FOR EACH ROW EXECUTE FUNCTION media.refuse_changing_an_invoice();

ALTER TABLE media.audit
    DROP CONSTRAINT IF EXISTS action_is_known,
    ADD CONSTRAINT action_is_known CHECK (
        action IN (
            'upload.requested', 'upload.finalized', 'upload.retried', 'link.issued', 'links.revoked', 'invoice.rendered',
            'media.changed', 'media.deleted', 'media.expired', 'media.purged', 'media.tampered', 'message.replayed'
        )
    ) NOT VALID;
ALTER TABLE media.audit VALIDATE CONSTRAINT action_is_known;
