"""Settings of a service: one JSON file, the environment, and a directory of credentials.

Precedence, highest first: environment, JSON file, credentials directory, defaults. Nothing is read implicitly:
constructing a settings class takes keyword arguments only, `load_settings` reads the sources.

Secrets (fields of type `SecretStr`) come from the credentials directory alone (systemd.exec(5), `LoadCredential=`):
one file per field, named after it. Given in the JSON file or in the environment they are refused, since both can be
read by others.
"""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

NESTED_DELIMITER = "__"


class SettingsError(Exception):
    """The configuration cannot be used. The message is one line for the operator and holds no values."""


#: A TCP port; 0 takes a free one.
Port = Annotated[int, Field(ge=0, le=65535, description="TCP port; 0 takes a free one.")]


class Section(BaseModel):
    """A group of settings; unknown keys are errors here too."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RateLimitSettings(Section):
    """How often one client may call a class of routes."""

    rate_per_minute: float = Field(gt=0, description="Requests per minute in the long run.")
    burst: int = Field(gt=0, description="Requests that may arrive at once after a pause.")


class RateLimits(Section):
    """Limits per class of routes; null turns one off."""

    interactive: RateLimitSettings | None = Field(
        default=RateLimitSettings(rate_per_minute=1200, burst=200), description="Routes that answer questions."
    )
    ingest: RateLimitSettings | None = Field(
        default=RateLimitSettings(rate_per_minute=6000, burst=1000), description="Routes that take in data."
    )


class TracingSettings(Section):
    """Tracing beyond the standard OTEL_* variables, which `ai_stack.service.tracing` reads itself."""

    sample_rate: float | None = Field(
        default=None, ge=0, le=1, description="Share of new traces that are recorded; OTEL_SAMPLE_RATE wins."
    )


class ServiceSettings(BaseSettings):
    """What every service can be told. Payloads subclass it with `env_prefix=` and their own fields."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_nested_delimiter=NESTED_DELIMITER)

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: Port
    unix_socket: Path | None = Field(default=None, description="Listen on this socket instead of host and port.")

    auth: Literal["required", "disabled"] = Field(
        default="required", description="Whether callers need an API key; `disabled` only on loopback or a socket."
    )
    api_keys_file: Path | None = Field(
        default=None,
        description="JSON list of {name, digest, scopes}; the credential `api_keys` when not given. "
        "Changes take effect without a restart.",
    )
    upstream_api_key: SecretStr | None = Field(default=None, description="Key shown to the other services.")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level that is logged."
    )
    shutdown_timeout: float = Field(default=20.0, gt=0, description="Seconds that running requests get to finish.")
    request_timeout: float = Field(default=30.0, gt=0, description="Seconds a handler may take; then 504.")
    idle_timeout: float = Field(
        default=60.0, gt=0, description="Seconds a connection may stay without a complete request head."
    )
    body_timeout: float = Field(default=30.0, gt=0, description="Seconds a client may take to send a body.")
    max_body_bytes: int = Field(
        default=1024 * 1024, gt=0, description="Largest request body, where a route has no limit of its own."
    )
    max_connections: int = Field(default=4096, gt=0, description="Connections at a time; beyond that 503.")
    rate_limits: RateLimits = Field(default=RateLimits(), description="Limits per API key and class of routes.")
    tracing: TracingSettings = Field(default=TracingSettings(), description="Recording of traces.")

    credentials_directory: ClassVar[str] = "CREDENTIALS_DIRECTORY"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @model_validator(mode="after")
    def _open_only_to_this_machine(self) -> Self:
        if self.auth == "disabled" and self.unix_socket is None and not is_loopback(self.host):
            raise ValueError('auth = "disabled" is refused on an address that is not loopback')
        return self


S = TypeVar("S", bound=ServiceSettings)


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(
    cls: type[S],
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> S:
    """Read and check the settings of a service.

    Args:
        cls: the payload's settings class.
        config: JSON file with an object; None for no file.
        environ: the environment; `os.environ` when None.

    Raises:
        SettingsError: unreadable file, unknown key, bad value, misplaced secret or missing credential.
    """
    environ = os.environ if environ is None else environ
    directory = environ.get(cls.credentials_directory)
    credentials = Path(directory) if directory else None
    secrets = frozenset(name for name, field in cls.model_fields.items() if SecretStr in _types_in(field.annotation))

    values: dict[str, Any] = dict(_read_credentials(credentials, secrets))
    from_file = _read_json(config) if config is not None else {}
    from_environment = _read_environment(cls, environ)
    for source, given in ((str(config), from_file), ("the environment", from_environment)):
        for name in sorted(secrets & given.keys()):
            raise SettingsError(f"{name}: is a secret and must be a credential file, not a value in {source}")
    _merge(values, from_file)
    _merge(values, from_environment)
    if "api_keys_file" not in values and credentials is not None and (credentials / "api_keys").exists():
        values["api_keys_file"] = credentials / "api_keys"
    try:
        return cls(**values)
    except ValidationError as error:
        problems = [_describe(item, secrets, credentials) for item in error.errors(include_input=False)]
        raise SettingsError("; ".join(problems)) from None


def _describe(item: Any, secrets: frozenset[str], credentials: Path | None) -> str:
    location = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing" and location in secrets:
        place = f"not in {credentials}" if credentials else "the credentials directory is not set"
        return f"{location}: missing credential ({place})"
    message = "unknown key" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
    return f"{location}: {message}" if location else message


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"{path}: not JSON: {error}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: must hold a JSON object")
    if "\\u0000" in orjson.dumps(content).decode():
        raise SettingsError(f"{path}: NUL characters are not allowed")
    return content


def _read_environment(cls: type[ServiceSettings], environ: Mapping[str, str]) -> dict[str, Any]:
    prefix = str(cls.model_config.get("env_prefix") or "")
    if not prefix:
        return {}
    for variable in environ:
        # The library takes names in any case.
        if variable.upper().startswith(prefix):
            name = variable[len(prefix) :].split(NESTED_DELIMITER)[0].lower()
            if name not in cls.model_fields:
                raise SettingsError(f"{variable}: unknown key")
    source = EnvSettingsSource(cls, env_prefix=prefix, env_nested_delimiter=NESTED_DELIMITER)
    source.env_vars = {name.lower(): value for name, value in environ.items()}
    try:
        return source()
    except ValueError:
        # The library's text would quote the value.
        raise SettingsError(f"{prefix}*: a value of the environment is not valid JSON for its key") from None


def _read_credentials(directory: Path | None, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    if directory is None:
        return
    for name in sorted(names):
        path = directory / name
        if not path.exists():
            continue
        try:
            value = path.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}: credential {path} cannot be read ({type(error).__name__})") from None
        if not value:
            raise SettingsError(f"{name}: credential {path} is empty")
        yield name, value


def _types_in(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        existing = into.get(key)
        if isinstance(existing, dict) and isinstance(value, Mapping):
            _merge(existing, value)
        else:
            into[key] = value
