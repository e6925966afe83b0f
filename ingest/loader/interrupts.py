"""The end that a signal asks for: an orderly one, or after some seconds, whatever is waited for, one at once.

A request to a server that does not answer, and a file on a disk that does not, cannot be called off. Nothing is lost
with the process: what the server has of an open transaction ends with its connection.
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
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)     # of which a shell's background commands ignore the first
GRACE = 4     # seconds
MESSAGE = "interrupted; what is not reported above is not loaded"


class Interrupts:
    """While it is entered, signals raise KeyboardInterrupt in the main thread."""

    def __init__(self) -> None:
        self.given = False
        self.folder: Path | None = None     # goes, however the program ends
        self.jobs: list = []                # those that a sudden end must be said of
        self.saying = threading.Lock()      # held by the thread that reports: an orderly end and a sudden one may meet
        self.said = False                   # the message
        self.limits: queue.SimpleQueue[int | None] = queue.SimpleQueue()     # of all ways to wake a thread the one that a signal's handler may use

    def __enter__(self) -> "Interrupts":
        threading.Thread(target=self.watch, daemon=True).start()
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:     # nohup ignores it
                signal.signal(number, self.take)
        return self

    def __exit__(self, *_) -> None:
        if not self.given:
            self.limits.put(None)

    def take(self, *_) -> None:
        """The first signal counts: a second one would only disturb the end."""
        if not self.given:
            self.given = True
            self.limit(INTERRUPTED)
            raise KeyboardInterrupt

    def limit(self, status: int) -> None:
        """The program ends with this status, if it has not ended by itself before."""
        self.limits.put(status)

    def watch(self) -> None:
        status = self.limits.get()
        if status is None:
            return
        time.sleep(GRACE)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        words = threading.Thread(target=self.last_words, args=[status], daemon=True)     # who reads them may not answer either
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
        """The message, once."""
        with self.saying:
            if not self.said:
                self.said = True
                complain(MESSAGE)
