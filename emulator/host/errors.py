"""Every way the local host can refuse to start or to serve.

HostError
├── ConfigurationError    host.json, local.settings.json or the environment; names every fault at once
├── IndexingFailed        function_app.py does not import, or its bindings do not fit its functions
├── AppAlreadyLoaded      this process holds another function app; the worker library takes one per process
├── PortTaken             another process listens on the port
├── UnknownFunction       no function has that name
├── HostStopping          the host takes no more work
├── AccountUnreachable    the storage account did not answer as it should
└── WaitedTooLong         what a caller waited for did not happen in time
"""


class HostError(Exception):
    """The local host cannot do what was asked; the message says what to do."""


class ConfigurationError(HostError):
    """The host's own files, the environment or a binding cannot be used as they are."""


class IndexingFailed(HostError):
    """The worker library refused the function app."""


class AppAlreadyLoaded(HostError):
    """A second function app was asked for in one process."""


class PortTaken(HostError):
    """Another process listens on the port."""


class UnknownFunction(HostError):
    """No function has that name."""


class WaitedTooLong(HostError):
    """What a caller waited for did not happen in time."""


class HostStopping(HostError):
    """The host was told to stop and takes no more work."""


class AccountUnreachable(HostError):
    """The storage account did not answer as it should."""
