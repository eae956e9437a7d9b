"""hybrid-coordinator: turns a question into a prompt with the context that answers it."""
