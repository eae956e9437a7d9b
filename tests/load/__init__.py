"""The load test: `scripts/load-test --help`. Everything but `users` and `__main__` works without Locust."""
