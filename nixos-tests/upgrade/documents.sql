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
