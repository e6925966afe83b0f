"""Requests that schemathesis makes from /openapi.json, valid ones and others: each answer must be as documented."""

import os
import re
import subprocess
import sys

import pytest

CONFIG = """
continue-on-failure = true
{parameters}

[generation]
max-examples = 20
deterministic = true
database = "none"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 404, 406, 412, 416]   # the last three: no coding, another tag, a range out of reach
"""


@pytest.mark.parametrize("parameters, cases", [("", 200), ('[parameters]\n"query.study" = "lab"\n"query.sample" = "small"', 100)], ids=["any names", "names that are there"])
def test_answers_are_as_documented(service, tmp_path, parameters, cases):
    (tmp_path / "schemathesis.toml").write_text(CONFIG.format(parameters=parameters))
    run = subprocess.run([sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", "--checks", "all", "--no-color"],
                         cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    generated, passed = map(int, re.search(r"(\d+) generated, (\d+) passed", run.stdout).groups())
    assert generated == passed >= cases
