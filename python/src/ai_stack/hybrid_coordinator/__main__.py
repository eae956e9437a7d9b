"""`python -m ai_stack.hybrid_coordinator` runs the service."""

from ai_stack.hybrid_coordinator.app import main

main()
