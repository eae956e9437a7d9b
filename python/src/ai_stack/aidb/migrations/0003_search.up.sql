-- What ranking needs: how common each word is, how long texts are, and the words of paths. And indexes for filters.

-- Finds words that are spelled alike. A trusted extension: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- The number of chunks that each word (a lexeme of chunks.tsv) is in, as of the last count.
CREATE TABLE lexemes (
    word text PRIMARY KEY,
    chunks integer NOT NULL
);
CREATE INDEX lexemes_word_trigrams ON lexemes USING gin (word gin_trgm_ops);

-- What was there at the last count. Lengths are means: characters of a chunk, bytes of a document.
CREATE TABLE corpus_statistics (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    chunks integer NOT NULL,
    newest_chunk bigint NOT NULL,
    chunk_length real NOT NULL,
    document_length real NOT NULL,
    counted_at timestamptz NOT NULL
);
INSERT INTO corpus_statistics (chunks, newest_chunk, chunk_length, document_length, counted_at)
VALUES (0, 0, 400, 4000, now());

ALTER TABLE documents ADD COLUMN path_words tsvector NOT NULL
    GENERATED ALWAYS AS (to_tsvector('english', aidb_words(path))) STORED;
CREATE INDEX documents_path_words ON documents USING gin (path_words);
CREATE INDEX documents_path ON documents (path text_pattern_ops);
CREATE INDEX documents_metadata ON documents USING gin (metadata jsonb_path_ops);
CREATE INDEX documents_updated_at ON documents (updated_at);
