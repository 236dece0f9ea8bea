-- What the migration runner itself needs; run before every pass.
CREATE SCHEMA IF NOT EXISTS media;

CREATE TABLE IF NOT EXISTS media.migrations (
    name       varchar     PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
