"""The end of cbload after a signal: an orderly end, or a forced one after some seconds.

cbload cannot cancel a request to a server that does not answer, nor a read from a disk that does
not. Ending the process loses nothing: the server rolls back an open transaction when the
connection ends.
"""

import os
import queue
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from errors import UNSURE
from output import complain

INTERRUPTED = 128 + signal.SIGINT
# The background commands of a shell ignore SIGINT: for those, the others are needed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 4     # seconds
MESSAGE = "interrupted; sources not reported above are not loaded"


class Interrupts:
    """A context in which signals raise KeyboardInterrupt in the main thread."""

    def __init__(self) -> None:
        self.given = False
        self.folder: Path | None = None     # removed however the program ends
        self.jobs: list = []                # the jobs that a forced end must report
        self.saying = threading.Lock()      # held by a thread that reports: both ends may meet
        self.said = False                   # whether MESSAGE is printed
        # SimpleQueue is the one way to wake a thread that a signal handler may use.
        self.limits: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def __enter__(self) -> "Interrupts":
        threading.Thread(target=self.watch, daemon=True).start()
        for number in SIGNALS:
            # nohup ignores SIGHUP, and so does cbload under nohup.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.take)
        return self

    def __exit__(self, *_) -> None:
        if not self.given:
            self.limits.put(None)

    def take(self, *_) -> None:
        """Handle the first signal. A second signal would only disturb the end."""
        if not self.given:
            self.given = True
            self.limit(INTERRUPTED)
            raise KeyboardInterrupt

    def limit(self, status: int) -> None:
        """Force the end with this status, unless the program ends by itself within GRACE."""
        self.limits.put(status)

    def watch(self) -> None:
        status = self.limits.get()
        if status is None:
            return
        time.sleep(GRACE)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        # A thread prints, because the reader of the output may block as well.
        words = threading.Thread(target=self.last_words, args=[status], daemon=True)
        words.start()
        words.join(1)
        os._exit(status)

    def last_words(self, status: int) -> None:
        with self.saying:
            for job in self.jobs:
                if job.phase == "committing" and not job.settled:
                    complain(f"{job.source.display}: {UNSURE}")
        if status == INTERRUPTED:
            self.say()
        sys.stdout.flush()

    def say(self) -> None:
        """Print MESSAGE, unless it is printed already."""
        with self.saying:
            if not self.said:
                self.said = True
                complain(MESSAGE)
