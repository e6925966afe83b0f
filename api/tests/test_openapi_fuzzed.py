"""Requests, valid and invalid, that schemathesis generates from /openapi.json: each answer must be
as documented."""

import os
import re
import subprocess
import sys

import pytest

# The statuses 406, 412 and 416: no coding, another ETag, a range after the end
CONFIG = """
continue-on-failure = true
{parameters}

[generation]
max-examples = 20
deterministic = true
database = "none"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 404, 406, 412, 416]
"""
EXISTING = """
[parameters]
"query.study" = "intense"
"query.sample" = "A"
"""


@pytest.mark.parametrize("parameters, cases", [("", 200), (EXISTING, 100)],
                         ids=["any names", "existing names"])
def test_answers_are_as_documented(service, intense, tmp_path, parameters, cases):
    (tmp_path / "schemathesis.toml").write_text(CONFIG.format(parameters=parameters))
    run = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json",
         "--checks", "all", "--no-color"],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    numbers = re.search(r"(\d+) generated, (\d+) passed", run.stdout).groups()
    generated, passed = map(int, numbers)
    assert generated == passed >= cases
