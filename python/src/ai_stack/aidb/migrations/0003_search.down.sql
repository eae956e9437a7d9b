-- The extension stays: somebody else may use it by now.
DROP INDEX documents_updated_at;
DROP INDEX documents_metadata;
DROP INDEX documents_path;
ALTER TABLE documents DROP COLUMN path_words;
DROP TABLE corpus_statistics;
DROP TABLE lexemes;
