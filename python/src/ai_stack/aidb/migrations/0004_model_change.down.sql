DROP TABLE reembedding_queue;
DROP TABLE model_change;
ALTER TABLE chunks DROP COLUMN IF EXISTS embedding_next;
