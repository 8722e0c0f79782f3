"""Benchmarks: what Rollcall costs, each figure as a ratio to a floor or a baseline measured in the same run."""
