"""`python -m ai_stack.status_page`."""

from ai_stack.status_page.app import main

main()
