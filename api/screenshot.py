"""Starts the demo of the service, and saves pictures of its viewer in the files of the arguments:
a slide, and the UMAP of the study."""

import os
import re
import signal
import subprocess
import sys

from playwright.sync_api import Page, sync_playwright

from harness import CHROMIUM, CHROMIUM_FLAGS, free_port

CELLS = 200_000
# As in a link of the viewer
RULES = ["e69f00:PanCK,KI67", "56b4e9:PanCK:KI67", "d55e00:CD3,CD8", "f0e442:CD3:CD8",
         "009e73:CD20", "cc79a7:CD68"]
LINK = "&".join(f"rule={rule}" for rule in RULES)
INTENSE = "demo with intensities"


def save(page: Page, link: str, file: str) -> None:
    page.goto("about:blank")   # a change of the fragment alone would not load the page
    page.goto(f"http://127.0.0.1:{port}/viewer/{link}")
    page.wait_for_selector("#slide[data-state=ready]", timeout=60_000)
    page.mouse.move(760, 420)
    page.wait_for_selector("#tooltip:not([hidden])")
    page.screenshot(path=file, type="jpeg", quality=80)


def embed(host: str, user: str) -> None:
    environment = os.environ | {"PGHOST": host, "PGUSER": user}
    environment.pop("PYTHONPATH")   # embed has packages of its own
    subprocess.run(["ingest/embed", INTENSE], env=environment, check=True)


port = free_port()
demo = subprocess.Popen(
    ["api/demo"], env=os.environ | {"CELLS": str(CELLS), "PORT": str(port)},
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
try:
    for line in demo.stdout:
        print(line, end="")
        if database := re.search("psql -h (.+) -U (.+)", line):
            host, user = database.groups()
        if "running on" in line:
            break
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        save(page, f"#study=demo&sample=large&{LINK}", sys.argv[1])
        embed(host, user)
        save(page, f"#study={INTENSE}&umap=&size=2&{LINK}", sys.argv[2])
        browser.close()
finally:
    os.killpg(demo.pid, signal.SIGINT)
    demo.wait()
