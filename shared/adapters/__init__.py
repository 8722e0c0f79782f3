"""The rim: the only package that does I/O, and the twins of what it does."""
