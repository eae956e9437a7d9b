-- A change of the model: the chunks that still need a vector of the new one. The vectors themselves, with their index, are
-- in a column of `chunks` that exists only as long as the change does.

CREATE TABLE model_change (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    job_id bigint NOT NULL REFERENCES jobs,
    name text NOT NULL,
    revision text NOT NULL,
    dimension integer NOT NULL,
    -- Every chunk has its vector, and nothing more is embedded by the old model.
    complete boolean NOT NULL DEFAULT false
);

-- No foreign key: as in embedding_queue.
CREATE TABLE reembedding_queue (
    chunk_id bigint PRIMARY KEY,
    error text
);
