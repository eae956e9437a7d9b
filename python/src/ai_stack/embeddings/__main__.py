"""`python -m ai_stack.embeddings`."""

from ai_stack.embeddings.app import main

main()
