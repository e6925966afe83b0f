"""Clients that stall, 64 at a time, and how long others wait meanwhile: in turn with none, so that the ratios are of one machine."""

import contextlib
import selectors
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

from measures import p99
from programs import data_url, status

CLIENTS = 64
SETTLED = 2   # seconds, until their requests have come
SERVED = 8   # seconds, until those that want a slide have got a connection to the database, or 503
KINDS = ("none", "take nothing of a slide", "take nothing of what is small", "take a byte a second", "send half a request header")


@contextlib.contextmanager
def stalled(service: str, kind: str) -> Iterator[None]:
    if kind == "none":
        yield
        return
    part = "Range: bytes=0-262143\r\n" if "small" in kind else ""
    address = urllib.parse.urlsplit(data_url(service, "million"))
    request = f"GET {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\n{part}\r\n".encode()
    with contextlib.ExitStack() as clients:
        selector = clients.enter_context(selectors.DefaultSelector())
        for _ in range(CLIENTS):
            client = clients.enter_context(contextlib.closing(socket.socket()))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((address.hostname, address.port))
            client.sendall(request[:len(request) // 2] if "header" in kind else request)
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


def not_modified(url: str, tag: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"If-None-Match": tag}), timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def others(service: str, rounds: int, seconds: int) -> dict:
    """Of each kind and request the 99th percentile of the time to answer, in ms, in each round."""
    million = data_url(service, "million")
    with urllib.request.urlopen(million) as response:
        tag = response.headers["ETag"]
    requests = {
        "small payload": (200, lambda: status(data_url(service, "small"), timeout=30)),
        "not modified": (304, lambda: not_modified(million, tag)),
        "feature names": (200, lambda: status(f"{service}/cell-data-binary-feature-names/?study=load", timeout=30)),
        "slide": (200, lambda: status(million, timeout=30)),   # that of the stalled ones
    }
    times: dict = {kind: {name: [] for name in requests} for kind in KINDS}
    refused = 0
    for _ in range(rounds):
        for kind in KINDS:
            with stalled(service, kind):
                for names, start in (("small payload", "not modified", "feature names"), SETTLED), (("slide",), SERVED):
                    time.sleep(min(start, seconds) if kind != "none" else 0)
                    taken: dict[str, list[float]] = {name: [] for name in names}
                    end = time.monotonic() + seconds / 3
                    while time.monotonic() < end:
                        for name in names:
                            begun = time.monotonic()
                            expected, ask = requests[name]
                            refused += ask() != expected
                            taken[name].append(1000 * (time.monotonic() - begun))
                    for name, values in taken.items():
                        times[kind][name].append(p99(values))
    return {"times": times, "refused": refused}
