"""The status page: what it shows of a machine, and where it is."""

from nix.evaluate import Machine
from nix.machines import MINIMAL

OWN = Machine(
    """{ pkgs, ... }: {
  services.ai-stack = {
    enable = true;
    domain = "ai.example.org";
    services.translator = { package = pkgs.hello; port = 8100; };
    services.plain = { package = pkgs.hello; port = 8101; runtime = "other"; };
    services.embeddings.endpoints = [ "http://10.0.0.2:8081" ];
  };
}"""
)


def test_every_service_with_the_runtime_is_shown_the_users_own_too() -> None:
    shown = {entry["name"]: entry["url"] for entry in OWN.get("settings")["status-page"]["services"]}
    assert shown == {
        "aidb": "http://127.0.0.1:8091",
        "embeddings": "http://10.0.0.2:8081",
        "hybrid-coordinator": "http://127.0.0.1:8092",
        "nixos-docs": "http://127.0.0.1:8094",
        "translator": "http://127.0.0.1:8100",
    }


def test_it_may_reach_what_it_shows_and_nothing_else() -> None:
    unit = OWN.unit("ai-stack-status-page.service")
    assert unit.value("IPAddressDeny") == "any"
    assert set(unit.values("IPAddressAllow")) == {"localhost", "10.0.0.2"}


def test_the_root_of_the_gateway_leads_to_it() -> None:
    locations = "config.services.nginx.virtualHosts.ai-stack.locations"
    assert MINIMAL.get(f'{locations}."= /".return') == "302 /status/"
    hidden = Machine(
        "{ services.ai-stack = { enable = true; services.status-page.route = null; }; }",
    )
    assert "= /" not in hidden.compute(f"builtins.attrNames {locations}")


def test_it_holds_no_key_of_its_own() -> None:
    """It asks with the key of whoever reads it."""
    assert set(MINIMAL.get("config.services.ai-stack.services.status-page.credentials")) <= {"api_keys"}


def test_it_looks_at_the_certificate_as_clients_do() -> None:
    gateway = OWN.get("settings")["status-page"]["gateway"]
    assert gateway == {
        "port": 8443,
        "server_name": "ai.example.org",
        "authority": "/var/lib/ai-stack/tls/ca.crt",
    }
    elsewhere = Machine(
        """{ services.ai-stack = { enable = true; gateway.listenAddresses = [ "10.0.0.1" ]; }; }""",
    )
    assert "gateway" not in elsewhere.get("settings")["status-page"]
