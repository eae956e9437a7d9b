"""Async code of a service must not block its event loop: a blocking call in it fails the test."""

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx

_SERVICES = [
    f"ai_stack.{package}"
    for package in ("service", "embeddings", "aidb", "hybrid_coordinator", "nixos_docs", "status_page")
]

# Calls that are known and bounded: (function, file it may be called from, function names there).
_ALLOWED = (
    # One stat of a local file a second at most, and one small read when it changed.
    ("os.stat", "ai_stack/service/auth.py", {"_read_stamp"}),
    ("io.BufferedReader.read", "ai_stack/service/auth.py", {"read_key_file"}),
    # Source lines of a traceback; they are cached.
    ("os.stat", "linecache.py", {"updatecache", "checkcache"}),
    ("io.BufferedReader.read", "linecache.py", {"updatecache"}),
    ("io.TextIOWrapper.read", "linecache.py", {"updatecache"}),
    # The measurement of coverage.
    ("threading.Lock.acquire", "coverage/collector.py", {"lock_data"}),
    # The version of the installed client, which it reads anew for each connection.
    ("os.stat", "redis/utils.py", {"get_lib_version"}),
    ("os.listdir", "redis/utils.py", {"get_lib_version"}),
    ("io.TextIOWrapper.read", "redis/utils.py", {"get_lib_version"}),
    ("io.BufferedReader.read", "redis/utils.py", {"get_lib_version"}),
)


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[None]:
    """Raise `BlockingError` where code of a service blocks the running event loop."""
    with blockbuster_ctx(_SERVICES) as detector:
        for name, file, functions in _ALLOWED:
            detector.functions[name].can_block_in(file, functions)
        for function in detector.functions.values():
            # An application is made before its loop runs; only tests do so inside of one.
            function.can_block_in(".py", {"create_app"})
        yield
