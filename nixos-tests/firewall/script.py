start_all()
wait_for_services(server, *ALL)
wait_for_services(closed, "greeter")
introduce(client, server)

# All at once, for what is dropped answers nobody.
CONNECT = """
import concurrent.futures, socket, sys

def connects(port):
    try:
        socket.create_connection((sys.argv[1], int(port)), 5).close()
    except OSError:
        return False
    return True

with concurrent.futures.ThreadPoolExecutor(100) as pool:
    answers = list(pool.map(connects, sys.argv[2:]))
print(*(port for port, answer in zip(sys.argv[2:], answers) if answer))
"""
put(client, "/root/connect.py", CONNECT)


def listening(machine: Shell, more: str = "") -> set[int]:
    """Return the TCP ports that something listens on."""
    lines = machine.succeed(f"ss --tcp --listening --numeric --no-header {more}").splitlines()
    return {int(line.split()[3].rpartition(":")[2]) for line in lines}


def reached(name: str, ports: set[int]) -> set[int]:
    """Return those of the ports that the client can connect to."""
    told = client.succeed(f"python3 /root/connect.py {name} {' '.join(map(str, sorted(ports)))}")
    return {int(port) for port in told.split()}


USUAL = {22, 80, 443, 5432, 6333, 6334, 6335, 6379, 8081, 8091, 8092, 8094, 9090, 9093, 9100, 9113, 9121, 9187, 16686}

with subtest("of all that listens, the gateway alone answers another machine"):
    there = listening(server)
    assert {8443, 8088, 8081, 8091, 8092, 8094, 9090} <= there, there
    assert reached("server", there | USUAL) == {8443, 8088}

with subtest("PostgreSQL and Redis do not listen on the network at all"):
    assert not {5432, 6379} & listening(server), listening(server)

with subtest("what listens on every address is kept out by the firewall, too"):
    server.succeed('systemd-run --quiet --collect --setenv=PATH="$PATH" --unit open python3 -m http.server 9999')
    server.wait_for_open_port(9999)
    assert reached("server", {9999}) == set()
    server.succeed("curl --silent --fail --output /dev/null http://127.0.0.1:9999/")

with subtest("without openFirewall not even the gateway answers"):
    assert {8443, 8088} <= listening(closed)
    closed.succeed("curl --silent --fail --insecure https://127.0.0.1:8443/greeter/")
    assert reached("closed", listening(closed) | USUAL) == set()

with subtest("stores are not routed by the gateway"):
    for path in ("/qdrant/", "/collections", "/prometheus/", "/postgres/", "/redis/", "/metrics"):
        assert status_of(client, "GET", path)[0] == 404, path

with subtest("another user of the machine gets into no store"):
    for command in (
        "psql --no-psqlrc --host /run/postgresql --dbname ai-stack-aidb --command 'select 1'",
        "redis-cli -s /run/redis-ai-stack/redis.sock ping",
    ):
        server.fail(f"runuser -u nobody -- {command}")
