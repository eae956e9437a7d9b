"""What a service entry becomes under systemd."""

import json

import pytest

from nix.evaluate import EvaluationError, Machine
from nix.machines import OWN_SERVICE


def own(entry: str, more: str = "") -> Machine:
    return Machine(
        f"""{{ pkgs, lib, ... }}: {{
  services.ai-stack = {{
    enable = true;
    services.translator = {{ package = pkgs.hello; port = 8100; {entry} }};
    {more}
  }};
}}""",
        framework=True,
    )


def test_three_lines_make_a_service_that_tells_when_it_is_ready() -> None:
    unit = OWN_SERVICE.unit("ai-stack-translator.service")
    assert unit.value("Type") == "notify"
    assert unit.value("WatchdogSec") == "30s"
    assert unit.value("User") == "ai-stack-translator"
    assert unit.value("StateDirectory") == "ai-stack/translator"
    assert unit.values("WantedBy", "Install") == ["ai-stack.target"]
    assert OWN_SERVICE.get("users")["ai-stack-translator"]["isSystemUser"]


def test_the_settings_file_holds_address_and_port() -> None:
    settings = own('settings.log_level = "DEBUG";').get("settings")["translator"]
    assert settings["host"] == "127.0.0.1"
    assert settings["port"] == 8100
    assert settings["log_level"] == "DEBUG"


def test_a_service_comes_back_for_ever_but_ever_slower() -> None:
    unit = OWN_SERVICE.unit("ai-stack-translator.service")
    assert unit.value("Restart") == "always"
    assert unit.value("RestartMaxDelaySec") == "30s"
    assert unit.value("StartLimitIntervalSec", "Unit") == "0"


def test_several_instances_are_one_template_with_a_port_each() -> None:
    machine = own("instances = 3;")
    units = machine.units()
    assert "ai-stack-translator@.service" in units
    assert "ai-stack-translator.service" not in units
    target = machine.unit("ai-stack.target")
    expected = {f"ai-stack-translator@{port}.service" for port in (8100, 8101, 8102)}
    assert expected <= set(target.values("Wants", "Unit"))
    assert "%i.json" in machine.unit("ai-stack-translator@.service").value("ExecStart")
    for port in (8100, 8101, 8102):
        assert json.loads(machine.get("etc")[f"ai-stack/translator/{port}.json"])["port"] == port


def test_any_http_server_gets_its_address_in_the_environment() -> None:
    unit = own('runtime = "other"; command = [ "/bin/serve" "--rate" "5%" "$x" ];').unit("ai-stack-translator.service")
    assert unit.value("Type") == "exec"
    assert '"HOST=127.0.0.1"' in unit.values("Environment")
    assert '"PORT=8100"' in unit.values("Environment")
    assert unit.value("ExecStart") == '"/bin/serve" "--rate" "5%%" "$$x"'


def test_a_value_of_the_environment_is_taken_literally() -> None:
    unit = own('environment.FORMAT = "100%h";').unit("ai-stack-translator.service")
    assert '"FORMAT=100%%h"' in unit.sections["Service"]["Environment"]


def test_a_graphics_processor_is_open_to_the_groups_of_its_nodes() -> None:
    unit = own('hardening = [ "gpu" ];').unit("ai-stack-translator.service")
    assert set(unit.values("SupplementaryGroups")) == {"ai-stack-keys", "render", "video"}


def test_memory_is_reclaimed_before_the_process_is_ended() -> None:
    unit = own('memoryMax = "1G"; cpuQuota = "150%"; tasksMax = 99;').unit("ai-stack-translator.service")
    assert unit.value("MemoryMax") == "1G"
    assert int(unit.value("MemoryHigh")) < 1024**3
    assert unit.value("CPUQuota") == "150%"
    assert unit.value("TasksMax") == "99"


def test_a_dependency_on_this_machine_orders_the_units() -> None:
    machine = own(
        'after = [ "a1" ]; requires = [ "b1" ];',
        "services.a1 = { package = pkgs.hello; port = 1; };services.b1 = { package = pkgs.hello; port = 2; };",
    )
    unit = machine.unit("ai-stack-translator.service")
    assert {"ai-stack-a1.service", "ai-stack-b1.service"} <= set(unit.values("After", "Unit"))
    assert "ai-stack-a1.service" in unit.values("Wants", "Unit")
    assert "ai-stack-b1.service" in unit.values("Requires", "Unit")


def test_no_port_is_open_unless_asked() -> None:
    assert 8100 not in OWN_SERVICE.get("firewall")
    assert 8100 in own("openFirewall = true;").get("firewall")


def test_a_relaxation_loosens_what_it_names_and_nothing_else() -> None:
    strict = OWN_SERVICE.unit("ai-stack-translator.service").sections["Service"]
    loose = own('hardening = [ "jit" ];').unit("ai-stack-translator.service").sections["Service"]
    changed = {key for key in strict | loose if strict.get(key) != loose.get(key)}
    assert changed == {"MemoryDenyWriteExecute"}


def test_an_unknown_relaxation_stops_evaluation_and_lists_the_known_ones() -> None:
    with pytest.raises(EvaluationError, match=r"one of .*\"cpu-info\".*\"jit\""):
        own('hardening = [ "yolo" ];').units()
