"""nixos-docs: answers about NixOS documentation, options and packages, offline."""

import os

# Searches run in several threads; threads of the linear algebra below them would only get in each other's way. It looks
# at this once, when NumPy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
