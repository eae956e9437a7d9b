DROP TABLE search_epoch;
DROP TABLE job_items;
DROP TABLE jobs;
ALTER TABLE documents DROP COLUMN status;
