"""The end that a signal asks for: an orderly one, or after some seconds, whatever is waited for, one at once.

A request to a server that does not answer, and a file on a disk that does not, cannot be called off. Nothing is lost
with the process: what the server has of an open transaction ends with its connection.
"""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from output import complain

INTERRUPTED = 128 + signal.SIGINT
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)     # of which a shell's background commands ignore the first
GRACE = 4     # seconds
MESSAGE = "interrupted; what is not reported above is not loaded"


class Interrupts:
    def __init__(self) -> None:
        self.given = False
        self.folder: Path | None = None     # goes, however the program ends
        self.jobs: list = []                # those that a sudden end must be said of
        for number in SIGNALS:
            signal.signal(number, self.take)

    def take(self, *_) -> None:
        """The first signal counts: a second one would only disturb the end."""
        if not self.given:
            self.given = True
            self.limit(INTERRUPTED)
            raise KeyboardInterrupt

    def limit(self, status: int) -> None:
        timer = threading.Timer(GRACE, self.end, [status])
        timer.daemon = True
        timer.start()

    def end(self, status: int) -> None:
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        try:
            for job in self.jobs:
                if job.phase == "committing" and not job.done:
                    complain(f"{job.source.display}: its transaction was being committed: it may be loaded")
            if status == INTERRUPTED:
                complain(MESSAGE)
            sys.stdout.flush()
        finally:
            os._exit(status)
