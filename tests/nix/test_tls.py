"""Certificates: an internal authority that is good for this domain alone, ACME, or files; renewed before they end."""

import ssl
import stat
import subprocess
import time
from pathlib import Path

import pytest

from nix.evaluate import Machine
from nix.scripts import run


def machine(tls: str) -> Machine:
    return Machine('{ services.ai-stack = { enable = true; domain = "ai.example.org"; ' + tls + " }; }", framework=True)


def ensure(directory: Path, domain: str = "ai.example.org") -> str:
    result = run("tls.sh", "ensure", directory, domain)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def openssl(*arguments: object) -> str:
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, check=True, timeout=20
    ).stdout


def test_the_authority_vouches_for_the_domain_and_its_keys_stay_private(tmp_path: Path) -> None:
    assert ensure(tmp_path) == "renewed"
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    context.load_verify_locations(tmp_path / "ca.crt")
    assert "OK" in openssl("verify", "-x509_strict", "-CAfile", tmp_path / "ca.crt", tmp_path / "server.crt")
    for key in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / key).stat().st_mode) == 0o600
    for certificate in ("ca.crt", "server.crt"):
        assert stat.S_IMODE((tmp_path / certificate).stat().st_mode) == 0o644


def test_a_certificate_that_is_good_is_left_alone(tmp_path: Path) -> None:
    ensure(tmp_path)
    before = (tmp_path / "server.crt").read_text()
    assert ensure(tmp_path) == ""
    assert (tmp_path / "server.crt").read_text() == before


def test_a_certificate_that_ends_soon_is_renewed_by_the_same_authority(tmp_path: Path) -> None:
    ensure(tmp_path)
    authority = (tmp_path / "ca.crt").read_text()
    # ends within the month
    short = openssl(
        "x509", "-in", tmp_path / "server.crt", "-signkey", tmp_path / "server.key",
        "-days", 20, "-copy_extensions", "copy",
    )  # fmt: skip
    (tmp_path / "server.crt").write_text(short)
    assert ensure(tmp_path) == "renewed"
    assert (tmp_path / "ca.crt").read_text() == authority
    assert "OK" in openssl("verify", "-CAfile", tmp_path / "ca.crt", tmp_path / "server.crt")


def test_another_domain_gets_another_authority_and_certificate(tmp_path: Path) -> None:
    ensure(tmp_path)
    authority = (tmp_path / "ca.crt").read_text()
    assert ensure(tmp_path, "other.example.org") == "renewed"
    assert (tmp_path / "ca.crt").read_text() != authority
    assert "does match" in openssl("x509", "-in", tmp_path / "server.crt", "-noout", "-checkhost", "other.example.org")


@pytest.mark.parametrize(("first", "second"), [("ai.example.org", "ai.example"), ("ai.example.org", "example.org")])
def test_a_part_of_the_domain_is_another_domain(first: str, second: str, tmp_path: Path) -> None:
    ensure(tmp_path, first)
    ensure(tmp_path, second)
    assert "OK" in openssl(
        "verify", "-verify_hostname", second, "-CAfile", tmp_path / "ca.crt", tmp_path / "server.crt"
    )


def test_a_domain_may_be_longer_than_a_name_in_a_subject(tmp_path: Path) -> None:
    domain = f"{'knowledge-' * 6}.{'department-' * 5}.example.org".replace("-.", ".")
    assert ensure(tmp_path, domain) == "renewed"
    assert ensure(tmp_path, domain) == ""
    assert "OK" in openssl(
        "verify", "-verify_hostname", domain, "-CAfile", tmp_path / "ca.crt", tmp_path / "server.crt"
    )


def test_the_authority_cannot_vouch_for_other_names(tmp_path: Path) -> None:
    ensure(tmp_path)
    openssl("req", "-new", "-key", tmp_path / "server.key", "-subj", "/CN=bank.example.com", "-out", tmp_path / "csr")
    (tmp_path / "ext").write_text("subjectAltName = DNS:bank.example.com\n")
    openssl(
        "x509", "-req", "-in", tmp_path / "csr", "-CA", tmp_path / "ca.crt", "-CAkey", tmp_path / "ca.key",
        "-extfile", tmp_path / "ext", "-out", tmp_path / "forged.crt",
    )  # fmt: skip
    with pytest.raises(subprocess.CalledProcessError):
        openssl("verify", "-CAfile", tmp_path / "ca.crt", tmp_path / "forged.crt")


def test_the_end_of_the_certificate_is_measured(tmp_path: Path) -> None:
    ensure(tmp_path)
    result = run("tls.sh", "metrics", tmp_path / "server.crt", tmp_path / "certificate.prom")
    assert result.returncode == 0, result.stderr
    value = float((tmp_path / "certificate.prom").read_text().split()[-1])
    assert 396 < (value - time.time()) / 86400 <= 397


def test_nginx_gets_the_key_as_a_credential() -> None:
    unit = machine("").unit("nginx.service")
    assert set(unit.values("LoadCredential")) == {
        "ai-stack.crt:/var/lib/ai-stack/tls/server.crt",
        "ai-stack.key:/var/lib/ai-stack/tls/server.key",
    }
    assert "ai-stack-tls.service" in unit.values("After", "Unit")


def test_given_files_are_watched_and_renewal_restarts_nginx() -> None:
    files = 'tls = { mode = "files"; certificate = "/run/secrets/crt"; key = "/run/secrets/key"; };'
    given = machine(files)
    assert "ai-stack.key:/run/secrets/key" in given.unit("nginx.service").values("LoadCredential")
    assert given.unit("ai-stack-rotate-tls-key.path").values("PathChanged", "Path")[0] == "/run/secrets/key"
    assert given.unit("ai-stack-rotate-tls-key.service").value("ExecStart").endswith("try-restart nginx.service")
    assert "ai-stack-tls.service" not in given.units()


def test_acme_takes_the_usual_ports() -> None:
    acme = machine('tls = { mode = "acme"; email = "ops@example.org"; }; openFirewall = true;')
    assert sorted(acme.get("firewall")) == [80, 443]
    assert acme.get('config.security.acme.certs."ai.example.org".email') == "ops@example.org"
    assert acme.problems() == []


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        ('tls.mode = "files";', "set services.ai-stack.tls.certificate and services.ai-stack.tls.key"),
        ('tls.mode = "acme";', "set services.ai-stack.tls.email"),
        ('tls = { mode = "acme"; email = "a@b.c"; }; gateway.httpPort = 8088;', "gateway.httpPort at 80"),
        ('tls = { mode = "acme"; email = "a@b.c"; };', "the public name of this machine"),
    ],
)
def test_a_missing_certificate_stops_evaluation(tls: str, message: str) -> None:
    given = Machine("{ services.ai-stack = { enable = true; " + tls + " }; }", framework=True)
    assert any(message in problem for problem in given.problems())


def test_the_firewall_opens_for_the_gateway_alone() -> None:
    assert machine("").get("firewall") == []
    assert sorted(machine("openFirewall = true;").get("firewall")) == [8088, 8443]


def test_one_route_belongs_to_one_service() -> None:
    twice = Machine(
        """{ pkgs, ... }: { services.ai-stack = { enable = true;
          services.aa = { package = pkgs.hello; port = 1; route = "/x/"; };
          services.bb = { package = pkgs.hello; port = 2; route = "/x/"; };
        }; }""",
        framework=True,
    )
    assert any("the route /x/ belongs to services.aa and to services.bb" in problem for problem in twice.problems())
