"""Rollcall as one process that plans, sends and collects until somebody ends it: what the kill test kills."""

from __future__ import annotations

import os
import sys
import time

from shared import app as rollcall_app
from shared.model.errors import RollcallError


def main() -> None:
    house = rollcall_app.live(os.environ)
    print("ready", flush=True)
    while True:
        for story in (house.sweep, house.send_runs, house.collect_logs):
            try:
                story()
            except RollcallError as error:  # as on the platform: a tick that fails is followed by the next one
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
