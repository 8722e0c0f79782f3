"""`python -m tests.infra.kusto`: what `make kusto` runs."""

import os
import sys

from emulator.npm import LocalError
from tests.infra.kusto.language_service import PACKAGES

if __name__ == "__main__":
    try:
        PACKAGES.install(os.environ)
    except LocalError as error:
        sys.exit(f"rollcall: the Kusto language service could not be installed: {error}")
