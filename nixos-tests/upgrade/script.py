start_all()
wait_for_services(server, "embeddings", "aidb")
introduce(client, server)

PSQL = (
    "runuser -u {user} -- psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname {database}"
)
AS_SUPERUSER = PSQL.format(user="postgres", database="postgres")
AS_AIDB = PSQL.format(user="ai-stack-aidb", database="ai-stack-aidb")

with subtest("the database of the first release is put in place"):
    newest = server.succeed(f"{AS_AIDB} --command 'select max(version) from schema_migrations'").strip()
    server.succeed("systemctl stop ai-stack-aidb")
    server.succeed(
        f"{AS_SUPERUSER} --command 'DROP DATABASE \"ai-stack-aidb\" WITH (FORCE)'",
        f'{AS_SUPERUSER} --command \'CREATE DATABASE "ai-stack-aidb" OWNER "ai-stack-aidb"\'',
        "systemctl restart ai-stack-postgresql",
        f"{AS_AIDB} --file /etc/stories/older.sql",
    )
    assert server.succeed(f"{AS_AIDB} --command 'select max(version) from schema_migrations'").strip() == "1"

with subtest("aidb migrates it when it starts"):
    server.succeed("systemctl start ai-stack-aidb")
    until("aidb", lambda: status_of(client, "GET", "/aidb/health/ready")[0] == 200)
    assert server.succeed(f"{AS_AIDB} --command 'select max(version) from schema_migrations'").strip() == newest

with subtest("what was stored then is found, by its words and by its meaning"):
    assert "old/lamp.md" in found(client, "Marta Oyelaran")
    wait_for_vectors(client)
    results = ask(client, "POST", "/aidb/vector/search", {"query": "Who turns on the light by the sea?", "limit": 1})
    assert results["results"][0]["path"] == "old/lamp.md", results

with subtest("it can be changed and deleted like anything else"):
    store(client, "old/lamp.md", "# Lamp\n\nNow it is electric, and Ines Bergqvist repairs it.\n")
    assert "old/lamp.md" in found(client, "Ines Bergqvist")
    (number,) = [
        one["id"] for one in ask(client, "GET", "/aidb/documents")["documents"] if one["path"] == "old/bread.md"
    ]
    ask(client, "DELETE", f"/aidb/documents/{number}")
    assert "old/bread.md" not in found(client, "rye bread")

with subtest("a second start migrates nothing again"):
    before = server.succeed(f"{AS_AIDB} --command 'select version, applied_at from schema_migrations order by 1'")
    server.succeed("systemctl restart ai-stack-aidb")
    until("aidb", lambda: status_of(client, "GET", "/aidb/health/ready")[0] == 200)
    after = server.succeed(f"{AS_AIDB} --command 'select version, applied_at from schema_migrations order by 1'")
    assert after == before

with subtest("a database of a newer release is refused, and the log says what to do"):
    server.succeed(
        f"{AS_AIDB} --command \"insert into schema_migrations (version, name, checksum) values (99, 'later', '')\"",
        "systemctl restart --no-block ai-stack-aidb",
    )
    until(
        "the refusal",
        lambda: (
            "run the newer aidb" in server.succeed("journalctl --unit ai-stack-aidb --boot --output cat --lines 50")
        ),
    )
    server.succeed(f"{AS_AIDB} --command 'delete from schema_migrations where version = 99'")
    until("aidb", lambda: status_of(client, "GET", "/aidb/health/ready")[0] == 200)
