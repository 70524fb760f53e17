"""From `git clone` to the first packet opened in /try/, with a stopwatch.

python ops/first_packet.py [REPOSITORY] [--no-cache]

The clone, its environment and its data are new, in a folder of their own; only the browser is this
checkout's. `--no-cache`: pip fetches everything anew from its registry.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
GOAL_S = 180


def main(source: str, with_cache: bool) -> int:
    began = time.monotonic()
    took: dict[str, float] = {}

    def lap(what: str) -> None:
        took[what] = time.monotonic() - began - sum(took.values())

    with tempfile.TemporaryDirectory(prefix="hongbao-first-") as folder:
        clone = Path(folder) / "hongbao"
        subprocess.run(["git", "clone", "-q", source, clone], check=True)
        lap("git clone")
        up = subprocess.Popen(
            ["make", "up"], cwd=clone, env=_environment(with_cache), start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            base = _ready(up)
            lap("make up, until it is ready")
            _send_and_open(base)
            lap("a packet sent and opened")
        finally:
            os.killpg(up.pid, signal.SIGINT)
            up.wait(60)
    for what, seconds in took.items():
        print(f"{seconds:6.1f} s  {what}")
    whole = sum(took.values())
    print(f"{whole:6.1f} s  in all, pip {'with its' if with_cache else 'without a'} cache")
    return 0 if whole < GOAL_S else 1


def _environment(with_cache: bool) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("REDPACKET_")}
    kept.pop("VIRTUAL_ENV", None)
    return kept | {"PORT": str(port)} | ({} if with_cache else {"PIP_NO_CACHE_DIR": "1"})


def _ready(up: subprocess.Popen) -> str:
    assert up.stdout
    said = []
    for line in up.stdout:
        said.append(line)
        if line.startswith("ready "):
            return line.split()[1]
    raise SystemExit("".join(said))


def _send_and_open(base: str) -> None:
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        page.goto(f"{base}/try/")
        sender, taker = (page.frame_locator(f"iframe.phone >> nth={at}") for at in (0, 1))
        sender.get_by_role("button", name="发红包").click()
        form = sender.frame_locator("iframe")
        form.get_by_role("textbox", name="红包个数").fill("2")
        form.get_by_role("textbox", name="总金额").fill("5")
        form.get_by_role("button", name="塞钱进红包").click()
        form.get_by_role("button", name="支付 ¥5.00").click()
        taker.locator("button.bubble").click()
        opened = taker.frame_locator("iframe")
        opened.get_by_role("button", name="開红包").click()
        opened.locator('main[data-face="luck"] .amount').wait_for()
        browser.close()


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    sys.exit(main(words[0] if words else str(ROOT), "--no-cache" not in sys.argv))
