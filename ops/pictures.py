"""Pictures of the pages that chats embed, from a server of its own with people of its own.

python ops/pictures.py [FOLDER]    docs/pictures unless told otherwise

For each language and theme one sheet of six screens; and race.webp: three phones of /try/, one red
packet of two shares.
"""

import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

# Playwright's synchronous interface runs an event loop in this thread.
stage.set_up(DJANGO_ALLOW_ASYNC_UNSAFE="true")

from django.core.management import call_command
from PIL import Image
from playwright.sync_api import Browser, FrameLocator, Page

from packets import profiles
from packets.states import Kind
from sandbox.playground import faces
from sandbox.tokens import token
from testing import make
from testing.browser import chromium, server

PEOPLE = {"ai": "小爱", "bao": "阿宝", "david": "大卫", "erin": "艾琳"}
LOOKS = [(language, theme) for language in ("zh-Hans", "en") for theme in ("light", "dark")]
WIDTH, HEIGHT, GAP = 390, 760, 16
COLOURS = 96


def story() -> list[tuple[str, str, str]]:
    """(path, who looks, face)"""
    make.make_group(*PEOPLE, group_id="g1")
    for at, (user, nickname) in enumerate(PEOPLE.items()):
        profiles.put(user_id=user, nickname=nickname, avatar=faces.face(at))
        make.make_wallet(user, "88.00")
    whole = {"sender": "ai", "for_id": "g1"}
    open_ = make.make_paid_packet(Kind.LUCKY, 3, "10.00", **whole).public_id
    over = make.make_paid_packet(Kind.LUCKY, 3, "10.00", **whole).public_id
    for user in ("bao", "david", "ai"):
        make.user(user).post(f"packets/{over}/grab", key="")
    return [
        ("/h5/send?for=group&id=g1", "ai", "send"),
        (f"/h5/packet/{open_}", "bao", "envelope"),
        (f"/h5/packet/{over}", "bao", "luck"),
        (f"/h5/packet/{over}", "erin", "slow"),
        ("/h5/wallet", "ai", "wallet"),
        ("/h5/records?tab=sent", "ai", "records"),
    ]


def sheet(browser: Browser, base: str, screens: list, language: str, theme: str) -> Image.Image:
    made = Image.new("RGB", (len(screens) * (WIDTH + GAP) + GAP, HEIGHT + 2 * GAP), "#777777")
    for at, (path, user, face) in enumerate(screens):
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce",
            locale="zh-CN" if language == "zh-Hans" else "en-GB", color_scheme=theme,
        )  # fmt: skip
        page = context.new_page()
        page.goto(f"{base}{path}#token={token(user, 600)}")
        page.wait_for_selector(f'main[data-face="{face}"]')
        if face == "send":
            page.get_by_role("textbox").nth(0).fill("3")
            page.get_by_role("textbox").nth(1).fill("10.00")
            page.wait_for_timeout(600)
        made.paste(photo(page), (GAP + at * (WIDTH + GAP), GAP))
        context.close()
    half = made.resize((made.width * 5 // 8, made.height * 5 // 8), Image.Resampling.LANCZOS)
    return half.quantize(COLOURS, dither=Image.Dither.NONE)


def photo(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


class Race:
    """Three phones beside each other; `shot` keeps what is seen, for so many milliseconds."""

    def __init__(self, page: Page, base: str):
        self.page = page
        self.frames: list[Image.Image] = []
        self.times: list[int] = []
        page.goto(f"{base}/try/")
        self.phones = [page.frame_locator(f"iframe.phone >> nth={at}") for at in range(3)]

    def shot(self, ms: int) -> None:
        row = self.page.locator(".phones").bounding_box()
        assert row
        taken = self.page.screenshot(clip={**row, "height": min(row["height"], 640)})
        picture = Image.open(io.BytesIO(taken)).convert("RGB")
        size = (picture.width * 3 // 4, picture.height * 3 // 4)
        self.frames.append(picture.resize(size, Image.Resampling.LANCZOS))
        self.times.append(ms)

    def inside(self, at: int) -> FrameLocator:
        return self.phones[at].frame_locator("iframe")

    def run(self) -> None:
        for phone in self.phones:
            phone.get_by_role("button", name="发红包").wait_for()
        self.shot(1200)
        self.phones[0].get_by_role("button", name="发红包").click()
        form = self.inside(0)
        form.get_by_role("textbox", name="红包个数").fill("2")
        self.shot(700)
        form.get_by_role("textbox", name="总金额").fill("10.00")
        self.page.wait_for_timeout(600)
        self.shot(1000)
        form.get_by_role("button", name="塞钱进红包").click()
        form.get_by_role("button", name="支付 ¥10.00").wait_for()
        self.shot(1000)
        form.get_by_role("button", name="支付 ¥10.00").click()
        for phone in self.phones:
            phone.locator("button.bubble").wait_for()
        self.page.wait_for_timeout(300)
        self.shot(1400)
        for at, phone in enumerate(self.phones):
            phone.locator("button.bubble").click()
            self.inside(at).get_by_role("button", name="開红包").wait_for()
        self.page.wait_for_timeout(400)
        self.shot(1400)
        for at in range(3):
            self.inside(at).locator(".coin").evaluate("button => { button.click(); }")
        for _ in range(3):
            self.shot(160)
        for at in range(3):
            self.inside(at).locator("main:is([data-face=luck], [data-face=slow])").wait_for()
        self.page.wait_for_timeout(1200)
        self.shot(3000)
        for phone in self.phones:
            phone.get_by_role("button", name="返回聊天").click()
        self.page.wait_for_timeout(1500)
        self.shot(3000)

    def save(self, path: Path) -> None:
        first, *others = self.frames
        first.save(path, save_all=True, append_images=others, duration=self.times, loop=0,
                   quality=70, method=6)  # fmt: skip


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    screens = story()
    with server() as base, chromium() as browser:
        for language, theme in LOOKS:
            made = sheet(browser, base, screens, language, theme)
            made.save(folder / f"pages-{language.lower()}-{theme}.png", optimize=True)
        page = browser.new_page(viewport={"width": 1200, "height": 900}, locale="zh-CN")
        race = Race(page, base)
        race.run()
        race.save(folder / "race.webp")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else stage.ROOT / "docs" / "pictures")
