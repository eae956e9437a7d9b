"""The stories of nixos-tests/ on a real systemd, on machines made of namespaces: see docs/host-tests.md."""
