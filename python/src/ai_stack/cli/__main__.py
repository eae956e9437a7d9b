"""`python -m ai_stack.cli`."""

from ai_stack.cli.main import main

main()
