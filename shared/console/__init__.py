"""What happened is shown: the console's pages and the report of a run."""
