"""Every mistake that evaluation can see stops it, with a message that says what to do."""

import pytest

from nix.evaluate import EvaluationError, Machine


def framework(body: str) -> Machine:
    return Machine("{ pkgs, lib, ... }: { services.ai-stack = { enable = true; " + body + " }; }", framework=True)


def service(name: str, entry: str) -> str:
    return f"services.{name} = {{ package = pkgs.hello; {entry} }};"


ASSERTIONS = {
    "two services on one port": (
        service("one", "port = 8100;") + service("two", "port = 8100;"),
        "port 8100 is taken by services.one and by services.two",
    ),
    "an instance on the port of another service": (
        service("one", "port = 8100; instances = 3;") + service("two", "port = 8102;"),
        "port 8102 is taken by services.one and by services.two",
    ),
    "a dependency that is not enabled": (
        service("one", 'port = 8100; after = [ "two" ];') + service("two", "port = 8101; enable = false;"),
        "services.two.enable = true",
    ),
    "a dependency that does not exist": (
        service("one", 'port = 8100; after = [ "twoo" ];'),
        "depends on twoo, which is not enabled",
    ),
    "a hard dependency on another machine": (
        service("one", 'port = 8100; requires = [ "two" ];')
        + service("two", 'port = 8101; enable = false; endpoints = [ "http://10.0.0.2:8101" ];'),
        "name it in `after` instead",
    ),
    "a name that is no user name": (service("Bad_Name", "port = 8100;"), "2 to 22 lower-case letters"),
    "a name that is too long for a user": (service("a" * 23, "port = 8100;"), "2 to 22 lower-case letters"),
    "the name of a unit of the stack": (service("backup", "port = 8100;"), "such as my-backup"),
    "the name of a directory of the stack": (service("metrics", "port = 8100;"), "such as my-metrics"),
    "a name that begins as helpers do": (service("rotate-logs", "port = 8100;"), "such as my-rotate-logs"),
    "a secret among the settings": (
        service("one", 'port = 8100; settings.postgres_password = "hunter2";'),
        "Give a file in services.ai-stack.services.one.credentials.postgres_password",
    ),
    "a secret in the environment": (
        service("one", 'port = 8100; environment.API_TOKEN = "hunter2";'),
        "Give a file in services.ai-stack.services.one.credentials",
    ),
    "services that wait for each other": (
        service("one", 'port = 8100; after = [ "two" ];') + service("two", 'port = 8101; requires = [ "one" ];'),
        "wait for each other to start",
    ),
    "a service that waits for itself": (
        service("one", 'port = 8100; after = [ "one" ];'),
        "one, then one wait for each other",
    ),
    "a socket where a port is looked for": (
        service("one", 'port = 8100; instances = 3; settings.unix_socket = "/run/one.sock";'),
        "Leave unix_socket out",
    ),
    "two services at one route": (
        service("one", 'port = 8100; route = "/x/";') + service("two", 'port = 8101; route = "/x/";'),
        "the route /x/ belongs to services.one and to services.two",
    ),
    "a service at the route of Grafana": (
        service("one", 'port = 8100; route = "/grafana/";'),
        "the route /grafana/ belongs to services.one and to grafana",
    ),
    "a bulk path that is the route of another service": (
        service("one", 'port = 8100; route = "/a/"; ingestPaths = [ "/b/" ];')
        + service("two", 'port = 8101; route = "/a/b/";'),
        "the route /a/b/ belongs to services.two and to services.one.ingestPaths",
    ),
    "an address for a domain": ('domain = "10.0.0.5";', "a certificate vouches for a name"),
    "a role that the socket does not know": (
        service("one", 'port = 8100; postgresql = { enable = true; user = "docs"; database = "docs"; };'),
        "Leave `user` and `database` alone",
    ),
    "limits beyond the budget": (
        'memoryBudget = "1G";' + service("one", 'port = 8100; memoryMax = "3G";'),
        "Lower some memoryMax or raise the budget",
    ),
}

TYPE_ERRORS = {
    "a misspelt option": (service("one", "prot = 8100;"), "prot' does not exist"),
    "a port that is none": (service("one", "port = 70000;"), "16 bit unsigned integer"),
    "a credential as a path literal": (
        service("one", "port = 8100; credentials.key = ./flake.nix;"),
        "outside the Nix store, as a string",
    ),
    "a credential in the store": (
        service("one", 'port = 8100; credentials.key = "${pkgs.hello}/key";'),
        "outside the Nix store, as a string",
    ),
    "a relative credential": (
        service("one", 'port = 8100; credentials.key = "key";'),
        "outside the Nix store, as a string",
    ),
    "a memory limit in percent": (service("one", 'port = 8100; memoryMax = "50%";'), "memoryMax"),
}


@pytest.mark.parametrize("mistake", ASSERTIONS)
def test_an_assertion_names_the_remedy(mistake: str) -> None:
    body, message = ASSERTIONS[mistake]
    with pytest.raises(EvaluationError) as refused:
        framework(body).get("toplevel")
    # as a person sees it: nothing else stops evaluation before
    assert "Failed assertions" in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize("mistake", TYPE_ERRORS)
def test_a_wrong_value_stops_evaluation(mistake: str) -> None:
    body, message = TYPE_ERRORS[mistake]
    with pytest.raises(EvaluationError) as refused:
        framework(body).units()
    assert message in str(refused.value)


def test_a_dependency_on_another_machine_is_fine() -> None:
    machine = framework(
        service("one", 'port = 8100; after = [ "two" ];')
        + service("two", 'port = 8101; enable = false; endpoints = [ "http://10.0.0.2:8101" ];')
    )
    assert machine.problems() == []
