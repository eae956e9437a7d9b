"""Ports for the services."""

import socket

import pytest

from ai_stack.local import ports
from ai_stack.local.errors import LocalError


def test_each_service_gets_a_free_port_below_the_ephemeral_range() -> None:
    chosen = ports.choose_ports(["a", "b", "c"], {})
    assert len(set(chosen.values())) == 3
    assert all(ports.LOWEST <= port <= ports.HIGHEST and ports.is_free(port) for port in chosen.values())


def test_a_port_of_the_last_run_is_kept_while_it_is_free() -> None:
    first = ports.choose_ports(["a"], {})
    assert ports.choose_ports(["a"], first) == first
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first["a"]))
        taken.listen()
        assert ports.choose_ports(["a"], first) != first


def test_two_services_never_share_a_port_of_the_last_run() -> None:
    port = ports.choose_ports(["a"], {})["a"]
    assert len(set(ports.choose_ports(["a", "b"], {"a": port, "b": port}).values())) == 2


def test_no_free_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    with pytest.raises(LocalError, match="no free TCP port"):
        ports.choose_ports(["a"], {})
