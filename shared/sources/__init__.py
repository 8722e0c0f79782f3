"""Source files: what a source is, its rules, and every fault with its line."""
