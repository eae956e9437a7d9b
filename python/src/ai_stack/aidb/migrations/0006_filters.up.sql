-- Filters by content type and by status. Nearly all documents may share one value: the indexes are for the others.
CREATE INDEX documents_content_type ON documents (content_type, status);
-- With the id, so that the list of documents of one status is read in its order.
CREATE INDEX documents_status_id ON documents (status, id);
