"""Start the demo of the service, and save a picture of its viewer in the file that is named."""

import os
import signal
import socket
import subprocess
import sys

from playwright.sync_api import sync_playwright

CELLS = 200_000
RULES = ["e69f00:PanCK,KI67", "56b4e9:PanCK:KI67", "d55e00:CD3,CD8", "f0e442:CD3:CD8", "009e73:CD20", "cc79a7:CD68"]   # as in the page's link

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
demo = subprocess.Popen(["api/demo"], env=os.environ | {"CELLS": str(CELLS), "PORT": str(port)}, stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT, text=True, start_new_session=True)
try:
    for line in demo.stdout:
        print(line, end="")
        if "running on" in line:
            break
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[
            "--no-sandbox", "--disable-background-networking", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"http://127.0.0.1:{port}/viewer/#study=demo&sample=large&{'&'.join('rule=' + rule for rule in RULES)}")
        page.wait_for_selector("#slide[data-state=ready]", timeout=60_000)
        page.mouse.move(760, 420)
        page.wait_for_selector("#tooltip:not([hidden])")
        page.screenshot(path=sys.argv[1], type="jpeg", quality=80)
        browser.close()
finally:
    os.killpg(demo.pid, signal.SIGINT)
    demo.wait()
