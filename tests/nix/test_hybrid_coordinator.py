"""hybrid-coordinator's unit follows where its models are."""

from pathlib import Path

from ai_stack.hybrid_coordinator.settings import HybridSettings
from nix.evaluate import Machine
from nix.machines import EXTERNAL, MINIMAL
from nix.security import exposure

UNIT = "ai-stack-hybrid-coordinator.service"
LOCAL = 'settings.local_llm = { url = "http://127.0.0.1:8080/v1"; model = "qwen"; };'
IN_THE_LAN = 'settings.remote_llm = { url = "http://10.0.0.7:8000/v1"; model = "qwen-large"; };'
HOSTED = (
    'settings.remote_llm = { url = "https://api.example.com/v1"; model = "large"; context_tokens = 128000; };'
    ' credentials.remote_llm_api_key = "/run/secrets/llm-key";'
)


def machine(body: str) -> Machine:
    return Machine(f"{{ services.ai-stack = {{ enable = true; services.hybrid-coordinator = {{ {body} }}; }}; }}")


def test_sessions_are_kept_in_the_redis_of_the_stack() -> None:
    assert MINIMAL.get("settings")["hybrid-coordinator"]["redis_url"] == "unix:///run/redis-ai-stack/redis.sock"
    unit = MINIMAL.unit(UNIT)
    assert "redis_password:/var/lib/ai-stack/secrets/redis-password" in unit.values("LoadCredential")
    assert "redis-ai-stack" in unit.values("SupplementaryGroups")
    assert EXTERNAL.get("settings")["hybrid-coordinator"]["redis_url"] == "rediss://cache.internal:6379"
    assert "redis_password:/run/secrets/redis" in EXTERNAL.unit(UNIT).values("LoadCredential")


def test_a_model_on_this_machine_opens_nothing() -> None:
    unit = machine(LOCAL).unit(UNIT)
    assert unit.value("IPAddressDeny") == "any"
    assert unit.values("IPAddressAllow") == ["localhost"]


def test_a_model_at_an_address_opens_the_way_to_that_address_alone() -> None:
    unit = machine(IN_THE_LAN).unit(UNIT)
    assert unit.value("IPAddressDeny") == "any"
    assert unit.values("IPAddressAllow") == ["localhost", "10.0.0.7"]


def test_a_hosted_model_opens_the_way_out_and_its_key_is_a_credential(tmp_path: Path) -> None:
    hosted = machine(LOCAL + HOSTED)
    assert hosted.problems() == []
    unit = hosted.unit(UNIT)
    assert unit.value("IPAddressDeny") == ""
    assert "remote_llm_api_key:/run/secrets/llm-key" in unit.values("LoadCredential")
    assert exposure(tmp_path, UNIT, hosted.units()[UNIT]) <= 2.5
    assert "ai-stack-rotate-hybrid-coordinator.remote_llm_api_key.path" in hosted.units()
    settings = HybridSettings(**hosted.get("settings")["hybrid-coordinator"])
    assert settings.remote_llm is not None
    assert settings.remote_llm.context_tokens == 128_000


def test_without_a_model_there_is_no_way_out() -> None:
    for body in ("", "settings.local_llm = null;"):
        assert machine(body).unit(UNIT).value("IPAddressDeny") == "any"


def test_what_is_deleted_and_when_is_a_matter_of_settings() -> None:
    given = machine("settings.garbage = { interval = 600; interaction_days = 30; };").get("settings")
    settings = HybridSettings(**given["hybrid-coordinator"])
    assert (settings.garbage.interval, settings.garbage.interaction_days) == (600.0, 30.0)
