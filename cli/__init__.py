"""The `rollcall` command: for the person who sets Rollcall up and operates it."""
