"""State in blobs and tables, and in-memory implementations that pass the same contract tests."""
