"""Free TCP ports of the loopback interface that stay the same from one run to the next."""

import random
import socket
from collections.abc import Iterable, Mapping

from ai_stack.local.errors import LocalError

# Below the range that Linux takes ports of outgoing connections from (ip(7), ip_local_port_range).
LOWEST, HIGHEST = 20_000, 32_767
ATTEMPTS = 200


def choose_ports(names: Iterable[str], earlier: Mapping[str, int]) -> dict[str, int]:
    """A free port per name.

    Args:
        names: who needs one.
        earlier: ports of the last run, kept where they are still free.

    Raises:
        LocalError: no free port was found.
    """
    chosen: dict[str, int] = {}
    for name in names:
        candidates = [earlier[name]] if name in earlier else []
        candidates += random.sample(range(LOWEST, HIGHEST + 1), ATTEMPTS)
        for port in candidates:
            if port not in chosen.values() and is_free(port):
                chosen[name] = port
                break
        else:
            raise LocalError(f"no free TCP port between {LOWEST} and {HIGHEST} on 127.0.0.1")
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
        return True
