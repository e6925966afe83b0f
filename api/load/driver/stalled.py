"""64 stalled clients at a time, and the time that other clients wait meanwhile; rounds without
stalled clients alternate with the others, so that the ratios are of one machine."""

import contextlib
import selectors
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator

from harness import ask
from http_clients import data_url, status
from measures import p99

CLIENTS = 64
SETTLED = 2   # seconds until the requests of the stalled clients have arrived
SERVED = 8   # seconds until those that want a slide have a database connection, or 503
KINDS = ("none", "take nothing of a slide", "take nothing of a small payload",
         "take a byte a second", "send half a request header")


@contextlib.contextmanager
def stalled(service: str, kind: str) -> Iterator[None]:
    if kind == "none":
        yield
        return
    address = urllib.parse.urlsplit(data_url(service, "million"))
    path = f"{address.path}?{address.query}"
    part = "Range: bytes=0-262143\r\n" if "small" in kind else ""
    with contextlib.ExitStack() as clients:
        selector = clients.enter_context(selectors.DefaultSelector())
        for _ in range(CLIENTS):
            client = clients.enter_context(
                ask(address.port, path, part, whole="header" not in kind))
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ)
        ended = threading.Event()

        def trickle() -> None:
            while not ended.wait(1):
                for ready, _ in selector.select(0):
                    with contextlib.suppress(OSError):
                        if not ready.fileobj.recv(1):
                            selector.unregister(ready.fileobj)

        if "byte" in kind:
            thread = threading.Thread(target=trickle)
            thread.start()
            clients.callback(thread.join)
            clients.callback(ended.set)
        yield


def others(service: str, rounds: int, seconds: int) -> dict:
    """For each kind of stalled client and each request of other clients, the 99th percentile of the
    time to answer, in ms, in each round."""
    million = data_url(service, "million")
    with urllib.request.urlopen(million) as response:
        tag = response.headers["ETag"]
    names_url = f"{service}/cell-data-binary-feature-names/?study=load"
    requests = {
        "small payload": (200, lambda: status(data_url(service, "small"), timeout=30)),
        "not modified": (304, lambda: status(million, timeout=30, If_None_Match=tag)),
        "feature names": (200, lambda: status(names_url, timeout=30)),
        "slide": (200, lambda: status(million, timeout=30)),   # that of the stalled clients
    }
    steps = ((("small payload", "not modified", "feature names"), SETTLED), (("slide",), SERVED))
    times: dict = {kind: {name: [] for name in requests} for kind in KINDS}
    refused = 0
    for _ in range(rounds):
        for kind in KINDS:
            with stalled(service, kind):
                for names, start in steps:
                    time.sleep(min(start, seconds) if kind != "none" else 0)
                    taken: dict[str, list[float]] = {name: [] for name in names}
                    end = time.monotonic() + seconds / 3
                    while time.monotonic() < end:
                        for name in names:
                            begun = time.monotonic()
                            expected, request = requests[name]
                            refused += request() != expected
                            taken[name].append(1000 * (time.monotonic() - begun))
                    for name, values in taken.items():
                        times[kind][name].append(p99(values))
    return {"times": times, "refused": refused}
