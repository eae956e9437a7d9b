"""Locust's users, made from the scenarios."""

import json
import ssl
from collections.abc import Mapping
from itertools import cycle
from typing import Any

from locust import FastHttpUser, between

from load.payloads import Payloads
from load.scenarios import MIXES, SCENARIOS, Scenario
from load.target import Target

TIMEOUT = 60.0
OK = 200


def user_classes(target: Target, mix: str, pause: tuple[float, float], payloads: Payloads) -> list[type[FastHttpUser]]:
    """Return one class per kind of user of the mix. Scenarios of services that the target lacks are left out.

    Raises:
        ValueError: the target has none of the services.
    """
    keys = cycle(target.keys)
    classes: list[type[FastHttpUser]] = []
    for number, kind in enumerate(MIXES[mix]):
        tasks = {
            _task(SCENARIOS[name], target.urls[SCENARIOS[name].service], payloads): weight
            for name, weight in kind.items()
            if SCENARIOS[name].service in target.urls
        }
        if tasks:
            attributes: dict[str, Any] = {
                "host": next(iter(target.urls.values())),
                "tasks": tasks,
                "wait_time": between(*pause),
                "network_timeout": TIMEOUT,
                "connection_timeout": TIMEOUT,
                "insecure": False,
                "ssl_context_factory": staticmethod(lambda: ssl.create_default_context(cafile=target.ca_file)),
                "on_start": _start(keys),
                "on_stop": _stop,
            }
            classes.append(type(f"User{number}", (FastHttpUser,), attributes))
    if not classes:
        raise ValueError(f"the target has none of the services of the mix {mix}")
    return classes


def _start(keys: "cycle[str]") -> Any:
    def on_start(user: Any) -> None:
        user.api_key = next(keys)
        user.undo = []

    return on_start


def _stop(user: Any) -> None:
    for url, name in user.undo:
        user.client.delete(url, headers={"X-API-Key": user.api_key}, name=name)


def _task(scenario: Scenario, base: str, payloads: Payloads) -> Any:
    def send(user: Any) -> None:
        options: dict[str, Any] = {"headers": {"X-API-Key": user.api_key}, "name": scenario.name}
        if scenario.body is not None:
            options["json"] = scenario.body(payloads)
        with user.client.request(scenario.method, base + scenario.path, catch_response=True, **options) as response:
            reason = _failure(scenario, response.status_code, response.content or b"", response.headers or {})
            if reason is not None:
                response.failure(reason)
            elif scenario.undo is not None:
                path = scenario.undo(json.loads(response.content))
                user.undo.append((base + path, f"{scenario.service} DELETE"))

    return send


def _failure(scenario: Scenario, status: int, content: bytes, headers: Mapping[str, str]) -> str | None:
    if status != OK:
        return f"status {status} {headers.get('Retry-After', '')}".strip()
    if scenario.streamed:
        return None if b"data: [DONE]" in content else "the stream has no end"
    try:
        return scenario.wrong(json.loads(content))
    except (ValueError, KeyError, TypeError):
        return "not the expected JSON"
