"""The embedded stack: the four services and their stores on one machine, without root and without Nix."""
