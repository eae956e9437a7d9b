import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_stack.nixos_docs.catalogue import Catalogue
from ai_stack.nixos_docs.options.checking import check_path, check_text
from ai_stack.nixos_docs.options.nearest import nearest


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("services.nginx.enable", "services.nginx.enable"),
        ("config.services.nginx.enable;", "services.nginx.enable"),
        ("services.nginx.virtualHosts.a.forceSSL", "services.nginx.virtualHosts.<name>.forceSSL"),
        ("services.nginx.virtualHosts.<host>.forceSSL", "services.nginx.virtualHosts.<name>.forceSSL"),
        ('environment.etc."x/y".text', "environment.etc.<name>.text"),
        ("environment.variables.EDITOR", "environment.variables"),
        ("swapDevices.*.size", "swapDevices.*.size"),
        ("services.nginx", "services.nginx"),
        ("containers.web.config.services.nginx.enable", "services.nginx.enable"),
    ],
)
def test_what_exists_is_found(text: str, option: str, catalogue: Catalogue) -> None:
    verdict = check_text(catalogue, text)
    assert (verdict.status, verdict.option) == ("exists", option)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("services.nginx.enabled", "services.nginx.enable"),
        ("services.ngnix.enable", "services.nginx.enable"),
        ("service.nginx.enable", "services.nginx.enable"),
        ("services.nginx.virtualHost.a.forceSsl", "services.nginx.virtualHosts.<name>.forceSSL"),
        ("networking.firewall.allowedTcpPorts", "networking.firewall.allowedTCPPorts"),
        ("networking.allowedTCPPorts", "networking.firewall.allowedTCPPorts"),
        ("networking.firewall.rules.allowedTCPPorts", "networking.firewall.allowedTCPPorts"),
        ("swapDevices.*.sizes", "swapDevices.*.size"),
        ("time.zone", "time.timeZone"),
        ("containers.web.config.services.nginx.enabled", "services.nginx.enable"),
    ],
)
def test_what_does_not_exist_is_told_with_the_nearest(text: str, near: str, catalogue: Catalogue) -> None:
    verdict = check_text(catalogue, text)
    assert verdict.status == "unknown"
    assert verdict.option is None
    assert verdict.nearest[0] == near


def test_nothing_is_below_an_option_that_is_no_set(catalogue: Catalogue) -> None:
    assert check_text(catalogue, "services.nginx.enable.foo").status == "unknown"
    assert check_text(catalogue, "networking.firewall.allowedTCPPorts.foo").status == "unknown"


@pytest.mark.parametrize("text", ['boot.kernel.sysctl."vm.x"', "services.openssh.settings.PaswordAuthentication"])
def test_below_options_that_take_any_name_nothing_is_known(text: str, catalogue: Catalogue) -> None:
    verdict = check_text(catalogue, text)
    assert verdict.status == "freeform"
    assert "takes any name" in verdict.message


def test_a_free_name_like_a_known_one_is_pointed_out(catalogue: Catalogue) -> None:
    verdict = check_text(catalogue, "services.openssh.settings.PaswordAuthentication")
    assert verdict.nearest == ("services.openssh.settings.PasswordAuthentication",)


def test_renamed_options_are_told_what_they_are_called_now(catalogue: Catalogue) -> None:
    for text, replacement in [
        ("services.openssh.passwordAuthentication", "services.openssh.settings.PasswordAuthentication"),
        ("services.sshd.passwords", "services.openssh.settings.PasswordAuthentication"),
        ("services.web.virtualHosts.a.forceSSL", "services.nginx.virtualHosts.a.forceSSL"),
        ("environment.checks", "module.check"),
    ]:
        verdict = check_text(catalogue, text)
        assert (verdict.status, verdict.replacement) == ("renamed", replacement)


def test_renames_in_a_circle_end(catalogue: Catalogue) -> None:
    assert check_text(catalogue, "services.loop.x").status == "renamed"


def test_removed_options_are_told_why(catalogue: Catalogue) -> None:
    verdict = check_text(catalogue, "services.gone.enable")
    assert (verdict.status, verdict.message) == ("removed", "It is gone; use nginx.")


def test_renames_within_submodules_are_not_taken_for_options(catalogue: Catalogue) -> None:
    assert check_text(catalogue, "enableSSL").status == "unknown"


def test_internal_options_exist_though_no_list_shows_them(catalogue: Catalogue) -> None:
    assert check_text(catalogue, "assertions").status == "exists"
    assert check_path(catalogue, ("assertions", "*", "message")).status == "exists"


def test_a_part_that_is_computed_matches_wildcards(catalogue: Catalogue) -> None:
    verdict = check_path(catalogue, ("services", "nginx", "virtualHosts", None, "forceSSL"), 7)
    assert (verdict.status, verdict.path, verdict.line) == (
        "exists",
        "services.nginx.virtualHosts.<name>.forceSSL",
        7,
    )
    assert check_path(catalogue, ("services", None, "enable")).status == "unknown"


@given(st.lists(st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["services", "nginx", "*"])), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_path_has_a_verdict(catalogue: Catalogue, path: list[str | None]) -> None:
    assert check_path(catalogue, path).status
    assert len(nearest(catalogue.tree, path, 3)) <= 3


@given(st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_has_a_verdict(catalogue: Catalogue, text: str) -> None:
    assert check_text(catalogue, text).status
