"""The status page: what an operator wants to know of the whole stack, on one page."""
