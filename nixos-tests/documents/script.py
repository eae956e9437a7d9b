start_all()
wait_for_services(server, "embeddings", "aidb")
introduce(client, server)
AIDB = "ai-stack-aidb.service"
AS_AIDB = "runuser -u ai-stack-aidb --"
LAMP = "# Lamp\n\nThe lamp is lit at dusk by the keeper, Marta Oyelaran.\n"


def change(path: str, content: str, **fields: str) -> Any:
    """Store a document and return what became of it."""
    return ask(client, "POST", "/aidb/documents", {"path": path, "content": content, **fields})


def curl(*options: str) -> Any:
    """Return what the gateway answers to a request with a body from a file; it must be a success."""
    command = ["curl", "--silent", "--show-error", "--fail", "--cacert", AUTHORITY]
    return json.loads(client.succeed(shlex.join([*command, "--header", "@/root/operator.header", *options])))


def waiting(job: int) -> int:
    """Return how many lines of a job are not stored yet, as the database has it."""
    query = f"SELECT count(*) FROM job_items WHERE job_id = {job} AND state = 'waiting'"
    psql = "psql --no-psqlrc --tuples-only --no-align --dbname ai-stack-aidb --command"
    return int(server.succeed(f"{AS_AIDB} {psql} {shlex.quote(query)}"))


def finished(job: int) -> Any:
    """Follow a job to its end and return it."""
    path = f"/aidb/jobs/{job}"
    until("the end of the import", lambda: ask(client, "GET", path)["state"] not in ("running", "paused"))
    return ask(client, "GET", path)


def pdf(text: str) -> str:
    """Return a PDF of one page (ISO 32000-1, 7.5)."""
    font = "/Font << /F1 4 0 R >>"
    drawing = f"BT /F1 12 Tf 72 770 Td ({text}) Tj ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << {font} >> /Contents 5 0 R >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream",
    )
    file, table = "%PDF-1.4\n", f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    for number, content in enumerate(objects, start=1):
        table += f"{len(file):010} 00000 n \n"
        file += f"{number} 0 obj\n{content}\nendobj\n"
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(file)}\n%%EOF\n"
    return file + table + trailer


with subtest("a document is stored, replaced, and left alone when nothing is new"):
    lamp = change("lamp.md", "# Lamp\n\nThe lamp is out of order.\n")
    assert lamp["change"] == "created", lamp
    again = change("lamp.md", LAMP)
    assert (again["id"], again["change"], again["changed"]) == (lamp["id"], "updated", ["content"]), again
    assert change("lamp.md", LAMP)["change"] == "unchanged"
    assert ask(client, "GET", "/aidb/documents")["total"] == 1

with subtest("it is found by its words and by its meaning, and what was replaced is not"):
    wait_for_vectors(client)
    for mode, query in (("keyword", "Oyelaran"), ("vector", "Who turns on the light by the sea in the evening?")):
        (result,) = ask(client, "POST", "/aidb/search", {"query": query, "mode": mode})["results"]
        assert result["document_id"] == lamp["id"], result
        assert "Marta Oyelaran" in result["content"], result
    assert ask(client, "POST", "/aidb/search", {"query": '"out of order"', "syntax": "web"})["results"] == []

with subtest("a credential is refused with its line, and is in no log"):
    secret = "AKIA" + "A2B3C4D5" * 2
    body = {"path": "leak.md", "content": f"# Access\n\nThe key is {secret}\n"}
    status, refusal = status_of(client, "POST", "/aidb/documents", body)
    assert status == 422, refusal
    assert "line 3" in json.dumps(refusal), refusal
    assert secret not in json.dumps(refusal)
    server.fail(f"journalctl --boot --output cat | grep --fixed-strings {secret}")

with subtest("a PDF is read within the sandbox of the unit, and one that cannot be read harms nobody"):
    put(client, "/root/manual.pdf", pdf("Wanda Lisowska polishes the lens."))
    in_base64 = client.succeed("base64 --wrap 0 /root/manual.pdf")
    assert change("manual.pdf", in_base64, encoding="base64")["content_type"] == "application/pdf"
    assert found(client, "Lisowska")[0] == "manual.pdf"
    process = main_pid(server, AIDB)
    broken = {"path": "broken.pdf", "content": in_base64[: len(in_base64) // 16 * 4], "encoding": "base64"}
    status, refusal = status_of(client, "POST", "/aidb/documents", broken)
    assert status == 422, refusal
    assert main_pid(server, AIDB) == process

with subtest("an import in the middle of which the service is stopped is taken up again and comes to its end"):
    number = 600
    calm = "The harbour is calm today. " * 60
    days = {f"log/{day}.md": f"# Day {day}\n\n{calm}" for day in range(number - 1)}
    days["log/leak.md"] = secret
    lines = [json.dumps({"path": path, "content": content}) for path, content in days.items()]
    client.succeed("rm --force /root/import.jsonl")
    for start in range(0, number, 50):
        piece = "".join(f"{line}\n" for line in lines[start : start + 50])
        client.succeed(f"printf %s {shlex.quote(piece)} >>/root/import.jsonl")
    upload = ("--header", "Content-Type: application/x-ndjson", "--data-binary", "@/root/import.jsonl")
    job = curl(*upload, f"{GATEWAY}/aidb/documents/import")["id"]
    server.succeed(f"systemctl stop {AIDB}")
    left = waiting(job)
    print(f"{left} of {number} lines wait while the service is stopped")
    assert left > 0
    server.succeed(f"systemctl start {AIDB}")
    until("aidb is ready", lambda: status_of(client, "GET", "/aidb/health/ready")[0] == 200)
    told = finished(job)
    assert (told["done"], told["created"], told["refused"]) == (number, number - 1, 1), told
    (refused,) = ask(client, "GET", f"/aidb/jobs/{job}/items?state=refused")["items"]
    assert refused["path"] == "log/leak.md", refused
    assert ask(client, "GET", "/aidb/documents")["total"] == number + 1

with subtest("the same import again changes nothing"):
    told = finished(curl(*upload, f"{GATEWAY}/aidb/documents/import")["id"])
    assert (told["unchanged"], told["created"], told["updated"]) == (number - 1, 0, 0), told

with subtest("a deleted document is found no more"):
    ask(client, "DELETE", f"/aidb/documents/{lamp['id']}")
    assert status_of(client, "GET", f"/aidb/documents/{lamp['id']}")[0] == 404
    assert "lamp.md" not in found(client, "Marta Oyelaran")

with subtest("the schema is shown without the service, by its user"):
    settings = server.succeed(f"systemctl show --property ExecStart --value {AIDB} | grep -o '/nix/store/[^ ]*json'")
    command = f"cd / && {AS_AIDB} ai-stack migrate status --json --config {settings.strip()}"
    schema = json.loads(server.succeed(command))
    assert schema["version"] == schema["newest"] == len(schema["migrations"]), schema

with subtest("what has happened is summed up, and names no document"):
    until("the events", lambda: ask(client, "GET", "/aidb/telemetry/summary")["documents"]["deleted"] == 1)
    summary = ask(client, "GET", "/aidb/telemetry/summary")
    assert summary["imports"]["created"] == number - 1, summary
    assert summary["searches"]["by_mode"]["vector"] == 1, summary
    assert "lamp" not in json.dumps(summary)
