DROP TABLE model_identity;
DROP TABLE embedding_queue;
DROP TABLE chunks;
DROP TABLE documents;
DROP FUNCTION aidb_words(text);
