"""What is put under load: an embedded stack, single services, or a deployment behind its gateway."""

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SERVICES = ("embeddings", "aidb", "hybrid-coordinator", "nixos-docs")
# The routes that the modules give to the services at the gateway.
PREFIXES = {"embeddings": "embeddings", "aidb": "aidb", "hybrid-coordinator": "hybrid", "nixos-docs": "nixos-docs"}


class TargetError(Exception):
    """The target cannot be used; the message is a readable line and says what to do."""


@dataclass(frozen=True)
class Target:
    """Where requests go.

    Attributes:
        urls: base URL by service, without a slash at the end.
        keys: API keys; users take turns with them, so that limits per key can be spread.
        ca_file: certificates to trust instead of the system's; None for the system's.
    """

    urls: Mapping[str, str]
    keys: Sequence[str]
    ca_file: Path | None = None


def from_state(state: Path) -> Target:
    """Return the embedded stack that runs in a state directory.

    Raises:
        TargetError: none runs there.
    """
    try:
        record = json.loads((state / "stack.json").read_text())
        return Target(record["services"], read_keys(Path(record["api_key_file"])))
    except FileNotFoundError as error:
        raise TargetError(
            f"no stack is running in {state}: start one with scripts/quickstart --state {state}"
        ) from error
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise TargetError(f"{state / 'stack.json'} is damaged: stop the stack and start it again") from error


def from_gateway(url: str) -> dict[str, str]:
    """Return the base URLs of the services behind a gateway."""
    return {service: f"{url.rstrip('/')}/{prefix}" for service, prefix in PREFIXES.items()}


def from_pairs(pairs: Sequence[str]) -> dict[str, str]:
    """Return the base URLs that `SERVICE=URL` arguments name.

    Raises:
        TargetError: one is not of this form, or no service has this name.
    """
    urls = {}
    for pair in pairs:
        service, _, url = pair.partition("=")
        if service not in SERVICES or not url:
            raise TargetError(f"{pair!r} is not SERVICE=URL with SERVICE one of {', '.join(SERVICES)}")
        urls[service] = url.rstrip("/")
    return urls


def read_keys(path: Path) -> list[str]:
    """Return the keys of a file, one per line.

    Raises:
        TargetError: there is none, or the file cannot be read.
    """
    try:
        keys = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise TargetError(f"cannot read the API keys in {path}: {error.strerror}") from error
    if not keys:
        raise TargetError(f"{path} holds no API key")
    return keys


def check(target: Target, *, remote_allowed: bool) -> None:
    """Refuse what must not be put under load by mistake, and addresses that are none.

    A host counts as this machine only when its name says so without asking anybody: `localhost` or a loopback address.

    Raises:
        TargetError: see there.
    """
    for url in target.urls.values():
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TargetError(f"{url} is not an http or https address")
        if parts.username is not None:
            raise TargetError("an address must not hold credentials: name a key file instead")
        if not remote_allowed and not _is_loopback(parts.hostname):
            raise TargetError(f"{parts.hostname} is another machine: give --allow-remote if its owner agrees")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
