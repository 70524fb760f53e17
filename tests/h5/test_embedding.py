"""docs/embedding.md: its host is the one that /try/ runs on, and it works on another origin."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import tree_sitter_kotlin
import tree_sitter_swift
from playwright.sync_api import expect
from tree_sitter import Language, Parser

from h5 import files
from sandbox.tokens import token
from testing import make

pytestmark = pytest.mark.once  # what depends on the engine, test_packet, _send and _try ask of both

DOCUMENT = Path(files.PAGES).parent.parent / "docs" / "embedding.md"
HOST = re.search(r"```js\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1]
CHAT = """<!doctype html><title>chat</title><iframe title="page" width="390" height="700"></iframe>
<script type="module">
{host}
window.heard = [];
const [, origin, path, text] = decodeURIComponent(location.hash).split('|');
window.page = embed(document.querySelector('iframe'), origin, {{
  token: async () => text,
  init: () => ({{ lang: 'en' }}),
  can: {{ close: (data) => heard.push(data.reason), 'packet-opened': (data) => heard.push(data.outcome) }},
}});
page.open(path);
</script>"""  # noqa: E501


@pytest.fixture
def chat(settings):
    class Chat(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(CHAT.format(host=HOST.replace("export ", "")).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    settings.REDPACKET_H5_ORIGINS = [f"http://127.0.0.1:{server.server_port}"]
    yield settings.REDPACKET_H5_ORIGINS[0]
    server.shutdown()
    server.server_close()


def test_the_documents_host_is_the_phones_and_has_forty_lines():
    assert (files.PAGES / "try" / "host.js").read_text() == HOST
    assert len(HOST.splitlines()) <= 40


def test_the_documents_host_works_from_another_origin(phone, chat):
    packet = make.make_paid_packet()
    page = phone.browser.new_page()
    page.goto(f"{chat}/#|{phone.base}|/h5/packet/{packet.public_id}|{token('u1', 600)}")
    frame = page.frame_locator("iframe")

    frame.get_by_role("button", name="Open red packet", exact=True).click()
    expect(frame.locator('main[data-face="luck"]')).to_be_visible()
    handled = page.evaluate("page.back()")
    frame.get_by_role("button", name="Close", exact=True).click()

    expect(frame.locator("main")).to_be_visible()
    assert handled is False
    assert page.evaluate("heard")[0] == "grabbed"
    assert len(page.evaluate("heard")) == 2
    page.close()


# How they speak, as the page meets it: test_phones_of_all_kinds.py plays both. A compiler of their
# languages and a phone are not here.
NATIVE = {"kotlin": tree_sitter_kotlin, "swift": tree_sitter_swift}


@pytest.mark.parametrize("language", NATIVE)
def test_the_documents_native_hosts_are_well_formed_and_answer_what_is_asked(language):
    source = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1]
    parser = Parser(Language(NATIVE[language].language()))

    assert not parser.parse(source.encode()).root_node.has_error
    assert parser.parse(source.replace("}", "", 1).encode()).root_node.has_error
    handled = re.findall(r'^\s*(?:case )?"([a-z-]+)"(?: ->|:)', source, re.MULTILINE)
    assert handled == ["ready", "token", "pay", "close"]
    for word in ("hongbao", "version", "token", "capabilities", "re"):
        assert f'"{word}"' in source
    assert "HongbaoHost" in source
