"""What the triggers of the function app need of their host: requests, invocations, a safe log, health."""
