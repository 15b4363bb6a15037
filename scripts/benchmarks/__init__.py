"""What `scripts/bench` can measure: one module for each benchmark, and what they share."""
