-- Documents, their chunks, and the queue of chunks that wait for a vector.

-- Identifiers and paths are indexed by their parts: the parser would keep services.nginx.enable as one host name.
CREATE FUNCTION aidb_words(words text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN translate(words, './_-:=@#<>', '          ');

CREATE TABLE documents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project text NOT NULL,
    path text NOT NULL,
    title text NOT NULL,
    content_type text NOT NULL,
    content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
    size_bytes integer NOT NULL,
    metadata jsonb NOT NULL,
    content text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project, path)
);

CREATE INDEX documents_project_id ON documents (project, id);

-- A chunk's text never changes: an import that changes it makes a new chunk. Only the position moves.
-- `heading` is the title of the document and those of the sections around the chunk, outermost first.
CREATE TABLE chunks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id bigint NOT NULL REFERENCES documents ON DELETE CASCADE,
    position integer NOT NULL,
    heading text NOT NULL,
    content text NOT NULL,
    content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
    token_count integer NOT NULL,
    char_count integer NOT NULL,
    tsv tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english', aidb_words(heading)), 'A')
        || setweight(to_tsvector('english', aidb_words(content)), 'D')
    ) STORED,
    embedding vector(384),
    UNIQUE (document_id, position) DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX chunks_tsv ON chunks USING gin (tsv);
CREATE INDEX chunks_embedding ON chunks USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
-- Counts the chunks that vector search can find, without reading their rows.
CREATE INDEX chunks_embedded ON chunks (document_id) WHERE embedding IS NOT NULL;

-- Exactly the chunks without a vector. No foreign key: a document can go while its chunks are being embedded.
CREATE TABLE embedding_queue (
    chunk_id bigint PRIMARY KEY,
    error text
);

-- The model that made the vectors in this database.
CREATE TABLE model_identity (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    name text NOT NULL,
    revision text NOT NULL,
    dimension integer NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE schema_migrations (
  version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now());
INSERT INTO schema_migrations (version, name, checksum)
  VALUES (1, 'documents', '6976f7eaef4acd18c496ba22b182f187babc0b232da0575958c4b31ab39d83ea');
-- Two documents that wait for their vectors, as the first release stored them.
INSERT INTO documents (project, path, title, content_type, content_hash, size_bytes, metadata, content)
SELECT 'default', path, title, 'text/markdown', sha256(content::bytea), octet_length(content), '{}', content
FROM (VALUES
  ('old/lamp.md', 'Lighthouse', E'# Lighthouse\n\nThe lamp is lit at dusk by the keeper, Marta Oyelaran.\n'),
  ('old/bread.md', 'Bakery', E'# Bakery\n\nThe bakery bakes rye bread on Tuesdays.\n')
) AS stored (path, title, content);

INSERT INTO chunks (document_id, position, heading, content, content_hash, token_count, char_count)
SELECT id, 0, title, content, content_hash, 20, size_bytes FROM documents;

INSERT INTO embedding_queue (chunk_id) SELECT id FROM chunks;

