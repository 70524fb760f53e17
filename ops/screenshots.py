"""Pictures of the back office's pages, from a server of its own with data of its own.

python ops/screenshots.py FOLDER [name ...]    both languages, at 1440 and 390 pixels
"""

import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

# Playwright's synchronous interface runs an event loop in this thread.
stage.set_up(DJANGO_ALLOW_ASYNC_UNSAFE="true")

from django.core.management import call_command
from django.utils import timezone

from testing import desk, stories
from testing.browser import Watch, chromium, server

SIZES = {"1440": (1440, 900), "390": (390, 844)}
LANGUAGES = ("zh-hans", "en")


def main(folder: Path, only: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    told = stories.tell(timezone.now() - timedelta(hours=2))
    people = {role: desk.staff(role) for role in ("support", "finance maker", "auditor")}
    watch = Watch()
    with server() as base, chromium() as browser:
        for language in LANGUAGES:
            for size, (width, height) in SIZES.items():
                for name, role, path in told.pages():
                    if only and name not in only:
                        continue
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        locale="zh-CN" if language == "zh-hans" else "en-GB",
                        color_scheme="dark" if name.endswith("-dark") else "light",
                    )
                    if role:
                        session = people[role].cookies["sessionid"].value
                        context.add_cookies([{"name": "sessionid", "value": session, "url": base}])
                    page = watch.over(context).new_page()
                    page.goto(base + path)
                    page.screenshot(path=folder / f"{name}-{language}-{size}.png", full_page=True)
                    watch.leave(context)
                    context.close()
    if watch.left or watch.errors:
        raise SystemExit(f"left the machine: {watch.left}; errors: {watch.errors}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
