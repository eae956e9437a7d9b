DROP INDEX documents_status_id;
DROP INDEX documents_content_type;
