"""Collects the figures of a stack into one JSON document and a Prometheus text file; `scripts/collect-ai-metrics`."""
