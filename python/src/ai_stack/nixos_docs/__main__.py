"""`python -m ai_stack.nixos_docs`."""

from ai_stack.nixos_docs.app import main

main()
