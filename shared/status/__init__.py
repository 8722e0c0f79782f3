"""The state of runs, jobs and people, computed once for the command, the console and the alerts."""
