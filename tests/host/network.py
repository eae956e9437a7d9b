"""The network between machines: a bridge in a namespace of its own, with nothing beyond it."""

import subprocess


class Network:
    """A switch. Machines are named by the process id of their first process."""

    def __init__(self) -> None:
        # Keeps the namespace; says when it is inside.
        self._keeper = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "echo inside; exec sleep infinity"],
            stdout=subprocess.PIPE,
        )
        assert self._keeper.stdout is not None
        self._keeper.stdout.readline()
        self._keeper.stdout.close()
        self._ip("link", "add", "switch", "type", "bridge")
        self._ip("link", "set", "switch", "up")

    def plug(self, name: str, pid: int, address: str) -> None:
        """Give a machine its card `eth1` with an address (CIDR notation), connected to the switch."""
        self._ip("link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth1", "netns", str(pid))
        self._ip("link", "set", f"to-{name}", "master", "switch", "up")
        for arguments in (
            ["addr", "add", address, "dev", "eth1"],
            ["link", "set", "eth1", "up"],
            ["link", "set", "lo", "up"],
        ):
            subprocess.run(["nsenter", "--target", str(pid), "--net", "ip", *arguments], check=True)

    def connect(self, name: str, connected: bool) -> None:
        """Plug or unplug the cable of a machine."""
        self._ip("link", "set", f"to-{name}", "up" if connected else "down")

    def close(self) -> None:
        """End the network."""
        self._keeper.kill()
        self._keeper.wait()

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["nsenter", "--target", str(self._keeper.pid), "--net", "ip", *arguments], check=True)
