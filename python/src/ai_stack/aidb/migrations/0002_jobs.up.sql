-- Imports as jobs, whether a document is approved, and the epoch of what is stored.

ALTER TABLE documents ADD COLUMN status text NOT NULL DEFAULT 'approved'
    CHECK (status IN ('approved', 'pending', 'rejected'));

-- `total` is how many lines there are, `done` how many were dealt with.
CREATE TABLE jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN ('receiving', 'running', 'paused', 'succeeded', 'failed', 'cancelled')),
    total integer NOT NULL DEFAULT 0,
    done integer NOT NULL DEFAULT 0,
    created integer NOT NULL DEFAULT 0,
    updated integer NOT NULL DEFAULT 0,
    unchanged integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 1,
    note text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

CREATE INDEX jobs_running ON jobs (id) WHERE state = 'running';

-- One line of an import. `document` is what was asked for, until it is stored; a line that cannot be tried again has none.
CREATE TABLE job_items (
    job_id bigint NOT NULL REFERENCES jobs ON DELETE CASCADE,
    line integer NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'stored', 'refused')),
    project text,
    path text,
    document json,
    document_id bigint,
    change text,
    chunks integer,
    error text,
    PRIMARY KEY (job_id, line)
);

CREATE INDEX job_items_waiting ON job_items (job_id, line) WHERE state = 'waiting';
-- Two lines of one import cannot name the same document: which one would be stored last is chance.
CREATE UNIQUE INDEX job_items_once ON job_items (job_id, project, path) WHERE state = 'waiting';

-- Counts the changes that searches can see. It is changed last in each transaction, so that nobody waits for it long.
CREATE TABLE search_epoch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL
);
INSERT INTO search_epoch (epoch) VALUES (1);
