"""Long runs of the whole stack under load and faults; `scripts/soak` starts them."""
