"""Settings: sources, precedence, refusals. Every refusal is one line and repeats no value."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ai_stack.service.settings import Port, ServiceSettings, SettingsError, load_settings


class ToySettings(ServiceSettings, env_prefix="AI_STACK_TOY_"):
    """A toy."""

    port: Port = 4000
    colour: str = "red"
    password: SecretStr | None = None


class LockedSettings(ServiceSettings, env_prefix="AI_STACK_LOCKED_"):
    """A toy that needs a credential."""

    port: Port = 4001
    password: SecretStr


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_defaults_need_no_source() -> None:
    settings = load_settings(ToySettings, environ={})
    assert (settings.host, settings.port, settings.auth) == ("127.0.0.1", 4000, "required")


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    config = write(tmp_path / "c.json", {"port": 5000, "colour": "blue"})
    settings = load_settings(ToySettings, config=config, environ={"AI_STACK_TOY_PORT": "6000"})
    assert (settings.port, settings.colour) == (6000, "blue")


def test_nested_keys_of_both_sources_are_merged(tmp_path: Path) -> None:
    limit = {"rate_per_minute": 1, "burst": 2}
    config = write(tmp_path / "c.json", {"rate_limits": {"interactive": limit}})
    settings = load_settings(ToySettings, config=config, environ={"AI_STACK_TOY_RATE_LIMITS__INTERACTIVE__BURST": "9"})
    assert settings.rate_limits.interactive is not None
    assert (settings.rate_limits.interactive.rate_per_minute, settings.rate_limits.interactive.burst) == (1, 9)


def test_a_credential_fills_the_secret_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    settings = load_settings(LockedSettings, environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert settings.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)


def test_the_key_file_is_found_among_the_credentials(tmp_path: Path) -> None:
    write(tmp_path / "api_keys", [])
    settings = load_settings(ToySettings, environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert settings.api_keys_file == tmp_path / "api_keys"


@pytest.mark.parametrize(
    ("content", "environ", "said"),
    [
        ({"colr": "x"}, {}, "colr: unknown key"),
        ({"rate_limits": {"interactve": None}}, {}, "rate_limits.interactve: unknown key"),
        ({"port": "many"}, {}, "port: Input should be a valid integer"),
        ({"port": 70000}, {}, "port: Input should be less than or equal to 65535"),
        ({}, {"AI_STACK_TOY_COLR": "x"}, "AI_STACK_TOY_COLR: unknown key"),
        ({}, {"ai_stack_toy_colr": "x"}, "ai_stack_toy_colr: unknown key"),
        ({"api_keys_file": "a\0b"}, {}, "NUL characters are not allowed"),
        ({}, {"AI_STACK_TOY_PORT": "many"}, "port: Input should be a valid integer"),
        ({}, {"AI_STACK_TOY_RATE_LIMITS": "s3cr3t{"}, "not valid JSON for its key"),
        ({"password": "s3cr3t"}, {}, "password: is a secret and must be a credential file"),
        ({}, {"AI_STACK_TOY_PASSWORD": "s3cr3t"}, "password: is a secret and must be a credential file"),
        ({"auth": "disabled", "host": "0.0.0.0"}, {}, 'auth = "disabled" is refused on an address'),
        ({"auth": "off"}, {}, "auth: Input should be 'required' or 'disabled'"),
    ],
)
def test_a_mistake_stops_the_start_with_one_line(
    tmp_path: Path, content: dict[str, Any], environ: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(ToySettings, config=write(tmp_path / "c.json", content), environ=environ)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert "s3cr3t" not in message


def test_a_missing_credential_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"password: missing credential \(not in "):
        load_settings(LockedSettings, environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    with pytest.raises(SettingsError, match=r"the credentials directory is not set"):
        load_settings(LockedSettings, environ={})


def test_an_empty_or_binary_credential_is_refused(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    (tmp_path / "password").write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        load_settings(ToySettings, environ=environ)
    (tmp_path / "password").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(ToySettings, environ=environ)


@pytest.mark.parametrize(("content", "said"), [("{", "not JSON"), ("[]", "must hold a JSON object")])
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(SettingsError, match=said):
        load_settings(ToySettings, config=tmp_path / "c.json", environ={})


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(ToySettings, config=tmp_path / "none.json", environ={})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_auth_may_be_disabled_on_loopback(host: str) -> None:
    assert ToySettings(auth="disabled", host=host).auth == "disabled"


def test_nothing_is_read_from_the_environment_implicitly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_STACK_TOY_PORT", "1")
    monkeypatch.setenv("PORT", "2")
    assert ToySettings().port == 4000
