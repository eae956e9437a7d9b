"""`python -m ai_stack.aidb --config FILE`."""

from ai_stack.aidb.app import main

main()
