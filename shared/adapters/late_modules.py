"""What the Azure SDK imports and the app does not use is loaded when somebody uses it, if ever.

`azure-identity` imports what reads certificates. The app proves itself by its managed identity, or as the person at the
keyboard; to load certificates all the same was a twentieth of a cold start (docs/performance.md). Importing this module
arranges it. A module that puts another object in its own place while it is loaded cannot be among them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.util import LazyLoader, find_spec, module_from_spec

CERTIFICATES = ("cryptography.x509",)


def load_late(names: Iterable[str]) -> None:
    """Have each of these modules of packages loaded when an attribute of it is first asked for. One that is loaded
    already, if only by its package, or that is not in it, is left as it is.
    """
    for name in names:
        package, _, own = name.rpartition(".")
        spec = find_spec(name)  # imports the package
        if name not in sys.modules and spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
            module = sys.modules[name] = module_from_spec(spec)
            spec.loader.exec_module(module)
            setattr(sys.modules[package], own, module)  # for `from package import module`


load_late(CERTIFICATES)
