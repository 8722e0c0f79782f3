"""The provisioning log is read, kept, and joined to the people of runs."""
