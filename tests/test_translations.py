import subprocess
import sys

import pytest
from django.conf import settings


@pytest.mark.once
def test_every_text_is_translated_and_compiled():
    check = [sys.executable, str(settings.BASE_DIR / "ops/translate.py"), "--check"]

    done = subprocess.run(check, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
