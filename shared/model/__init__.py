"""Plain data that several steps use, limits and errors. No input or output."""
