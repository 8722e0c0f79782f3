"""The folder of a run: what was planned, written once and read back with its hashes checked."""
