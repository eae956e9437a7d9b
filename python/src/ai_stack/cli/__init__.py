"""The `ai-stack` command."""
