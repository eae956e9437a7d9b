\connect "ai-stack-aidb"
REVOKE ALL ON DATABASE "ai-stack-aidb" FROM PUBLIC;
CREATE EXTENSION IF NOT EXISTS "vector";
