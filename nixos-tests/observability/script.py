start_all()
wait_for_services(server, *ALL)
server.wait_for_unit("prometheus.service")
server.succeed("touch /root/spans && chmod 0600 /root/spans")
server.succeed(
    'systemd-run --quiet --collect --setenv=PATH="$PATH" --unit receiver'
    " python3 /etc/stories/receiver.py 4319 /root/spans"
)
introduce(client, server)


def targets() -> dict[str, str]:
    """Return the health of each target by its job."""
    answer = json.loads(server.succeed("curl --silent --fail http://127.0.0.1:9090/api/v1/targets"))
    return {one["labels"]["job"]: one["health"] for one in answer["data"]["activeTargets"]}


def fires(name: str, job: str | None = None) -> bool:
    """Say whether an alert fires, about a job when one is named."""
    answer = json.loads(server.succeed("curl --silent --fail http://127.0.0.1:9090/api/v1/alerts"))
    return any(
        alert["state"] == "firing"
        and alert["labels"]["alertname"] == name
        and job in (None, alert["labels"].get("job"))
        for alert in answer["data"]["alerts"]
    )


# A host test has no Qdrant server, and says so; a virtual machine has one.
ABSENT = set() if server.execute("systemctl cat qdrant.service")[0] == 0 else {"ai-stack-qdrant"}


with subtest("every target is up"):
    until("all targets", lambda: {job for job, health in targets().items() if health != "up"} == ABSENT)
    expected = {f"ai-stack-{name}" for name in (*ALL, "node", "nginx", "postgres", "redis", "prometheus")}
    assert expected <= set(targets()), targets()

with subtest("nothing fires while all is well"):
    until("quiet", lambda: not any(fires("PrometheusTargetDown", job) for job in set(targets()) - ABSENT))
    until("readiness", lambda: not {"ServiceHealthCheckFailing", "ServiceNotReady", "RedisDown"} & set(alerts(server)))

with subtest("requests are counted by endpoint"):
    store(client, "page.md", "# Page\n\nOne page, to be counted.\n")
    query = "curl --silent --fail --get http://127.0.0.1:9090/api/v1/query --data-urlencode"
    counted = f"""{query} 'query=aidb_http_requests_total{{endpoint="/documents",method="POST"}}'"""
    until("the counter", lambda: bool(json.loads(server.succeed(counted))["data"]["result"]))

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def followed(service: str) -> None:
    """Wait for the lines and the span that a service wrote of the request, and compare the ids in them."""
    unit = f"journalctl --unit ai-stack-{service} --boot --output cat"
    until(f"the line of {service}", lambda: "story-request-0001" in server.succeed(unit))
    lines = [line for line in server.succeed(unit).splitlines() if "story-request-0001" in line]
    assert all(json.loads(line)["trace_id"] == TRACE for line in lines), lines
    name = service.encode().hex()
    until(
        f"the span of {service}",
        lambda: any(TRACE in line and name in line for line in server.succeed("cat /root/spans").splitlines()),
    )


with subtest("one request is one trace across the services, and one id in all their logs"):
    wait_for_vectors(client)
    client.succeed(
        f"curl --silent --fail --cacert {AUTHORITY} --header @/root/operator.header"
        f" --header 'traceparent: 00-{TRACE}-00f067aa0ba902b7-01' --header 'X-Request-ID: story-request-0001'"
        f""" --json '{{"query": "Which page is to be counted by whom?"}}' {GATEWAY}/hybrid/augment_query"""
    )
    for service in ALL:
        followed(service)
    gateway = "journalctl --identifier ai_stack_gateway --boot --output cat"
    until("the line of the gateway", lambda: "story-request-0001" in server.succeed(gateway))

with subtest("an alert fires when a service is away, and stops when it is back"):
    server.succeed("systemctl stop ai-stack-nixos-docs")
    until("the alert", lambda: fires("ServiceHealthCheckFailing", "ai-stack-nixos-docs"))
    server.succeed("systemctl start ai-stack-nixos-docs")
    until("its end", lambda: not fires("ServiceHealthCheckFailing", "ai-stack-nixos-docs"))

with subtest("an alert fires when a store is away, and stops when it is back"):
    server.succeed("systemctl stop redis-ai-stack")
    until("the alert", lambda: fires("RedisDown"))
    server.succeed("systemctl start redis-ai-stack")
    until("its end", lambda: not fires("RedisDown"))
