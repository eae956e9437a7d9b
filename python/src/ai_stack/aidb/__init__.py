"""aidb: the system of record. Documents, their chunks and vectors in PostgreSQL, and the search over them."""
