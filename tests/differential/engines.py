"""The original's engines, run by Node over a list of cases."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.npm import install_packages

RUN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Result:
    """What an engine makes of a case: a value, or the first line of what it throws."""

    value: Any = None
    error: str | None = None


def run_node(script: str, cases: Sequence[Any]) -> list[Result]:
    """Return a result for each case, in order, from `tests/js/differential/<script>`, in UTC.

    Raises AssertionError with what Node printed when the script itself fails.
    """
    home = install_packages()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cases.json"
        file.write_text(json.dumps(list(cases)))
        ended = subprocess.run(
            ["node", str(home / "differential" / script), str(file)],
            cwd=home,
            env={**os.environ, "TZ": "UTC", "LANG": "en_US.UTF-8"},
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    results = [Result(**result) for result in json.loads(ended.stdout)]
    assert len(results) == len(cases)
    return results
