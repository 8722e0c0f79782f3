"""`python -m tests.infra.kusto install`: what `make kusto` runs."""

import os
import subprocess
import sys

from local.storage import LocalError
from tests.infra.kusto.language_service import install

if __name__ == "__main__":
    if sys.argv[1:] != ["install"]:
        sys.exit("usage: python -m tests.infra.kusto install")
    try:
        install(os.environ)
    except (LocalError, subprocess.CalledProcessError) as error:
        sys.exit(f"rollcall: the Kusto language service could not be installed: {error}")
