start_all()
wait_for_services(server, *ALL)
introduce(client, server)

with subtest("Grafana answers at the gateway, and only after a log-in"):
    server.wait_for_unit("grafana.service")
    until("Grafana", lambda: status_of(client, "GET", "/grafana/api/health", key=None)[0] == 200)
    assert status_of(client, "GET", "/grafana/api/search", key=None)[0] == 401
    password = server.succeed("cat /var/lib/ai-stack/secrets/grafana-admin-password").strip()
    put(client, "/root/grafana.netrc", f"machine server login admin password {password}\n")

GRAFANA = f"curl --silent --fail --cacert {AUTHORITY} --netrc-file /root/grafana.netrc {GATEWAY}/grafana"

with subtest("its dashboards and sources are there"):
    boards = json.loads(client.succeed(f"{GRAFANA}/api/search?type=dash-db"))
    assert len(boards) >= 5, boards
    sources = {source["type"] for source in json.loads(client.succeed(f"{GRAFANA}/api/datasources"))}
    assert {"prometheus", "jaeger"} <= sources, sources

with subtest("a question is one trace in Jaeger, across all services"):
    store(client, "page.md", "# Page\n\nA page for the trace.\n")
    wait_for_vectors(client)
    ask(client, "POST", "/hybrid/augment_query", {"query": "Which page is for the trace?"})
    traces = "curl --silent --fail 'http://127.0.0.1:16686/api/traces?service=hybrid-coordinator'"

    def services() -> set[str]:
        """Return the services of the trace that has most of them."""
        found_traces = json.loads(server.succeed(traces))["data"]
        return max(
            ({one["serviceName"] for one in trace["processes"].values()} for trace in found_traces),
            key=len,
            default=set(),
        )

    until("the trace", lambda: {"hybrid-coordinator", "aidb", "embeddings", "nixos-docs"} <= services())
