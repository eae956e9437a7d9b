# A database as the first release left it, under the services of this one.
let
  first = ../../python/src/ai_stack/aidb/migrations/0001_documents.up.sql;
  older = ''
    ${builtins.readFile first}
    CREATE TABLE schema_migrations (
      version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now());
    INSERT INTO schema_migrations (version, name, checksum)
      VALUES (1, 'documents', '${builtins.hashFile "sha256" first}');
    ${builtins.readFile ./documents.sql}
  '';
in
{
  name = "upgrade";
  nodes = {
    server = {
      imports = [ ../lib/documents.nix ];
      environment.etc."stories/older.sql".text = older;
    };
    client = ../lib/client.nix;
  };
}
