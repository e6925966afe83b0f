"""The clients of the load test: curl, and requests for small answers."""

import subprocess
import urllib.error
import urllib.parse
import urllib.request


def data_url(service: str, sample: str, study: str = "load") -> str:
    query = urllib.parse.urlencode({"study": study, "sample": sample, "layout": "compact"})
    return f"{service}/cell-data-binary/?{query}"


def curl(url: str, *options: str) -> subprocess.Popen:
    """Begin a download; finished() waits for its end."""
    return subprocess.Popen(
        ["curl", "--silent", "--output", "/dev/null", "--write-out",
         "%{http_code} %{size_download} %{time_total} %{exitcode}", *options, url],
        stdout=subprocess.PIPE, text=True)


def finished(download: subprocess.Popen) -> tuple[int, int, float, int]:
    """(status, bytes, seconds, curl's exit status)"""
    status, size, seconds, code = download.communicate()[0].split()
    return int(status), int(size), float(seconds), int(code)


def status(url: str, timeout: float = 10, **headers: str) -> int:
    """The status of a small answer, or 0 if there is no answer."""
    request = urllib.request.Request(
        url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            response.read()
            return response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0
