"""`python -m tests.browser`: what `make browser` runs."""

import os
import sys

from emulator.npm import LocalError
from tests.browser.machine import install

if __name__ == "__main__":
    try:
        missing = install(os.environ)
    except LocalError as error:
        missing = str(error)
    if missing:
        print(f"rollcall: {missing}", file=sys.stderr)
