"""What a program that runs long tells in a file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from testing.stage import ROOT


def told_by(module: str, out: Path, *words: str) -> tuple[dict[str, Any], str]:
    """Of `python -m module --out FILE`: what stands in the file, and what the program said."""
    done = subprocess.run(
        [sys.executable, "-m", module, *words, "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert out.exists(), said
    return json.loads(out.read_text()), said
