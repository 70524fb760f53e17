"""Support's day in a real browser: in, find, look, freeze, see it told, unfreeze, out."""

import pytest
from django.utils import timezone

from office import roles
from office.models import StaffAction, StaffEvent
from packets.models import RedPacket
from testing import desk, stories

pytest.importorskip("playwright")
from testing.browser import Watch, overflow, server

PHONE = {"width": 390, "height": 844}


@pytest.mark.once
def test_supports_day(browser):
    packet = stories.tell(timezone.now()).opened
    user = desk.account(roles.SUPPORT)
    watch = Watch()

    with server() as base:
        context = watch.over(browser.new_context(viewport=PHONE, locale="en-GB"))
        page = context.new_page()
        page.goto(f"{base}/admin/")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill(desk.PASSWORD)
        page.get_by_label("One-time code").fill(desk.code(user))
        page.get_by_role("button", name="Log in").click()

        assert page.locator("#find").bounding_box()["height"] < 60
        page.get_by_label("Find anything").fill(
            f"  {packet.public_id[:12]} {packet.public_id[12:]}"
        )
        page.get_by_role("button", name="Find").click()
        assert page.locator(".sentence").inner_text().startswith("alice lets 5 members")

        page.get_by_role("link", name="Freeze the packet").click()
        page.get_by_label("Reason").fill("the group's owner reports a scam")
        page.get_by_role("button", name="Freeze the packet").click()
        told = page.locator("#timeline li", has_text="Freeze the packet").inner_text()
        assert "support" in told and "the group's owner reports a scam" in told
        assert page.locator(".dossier-title .badge-frozen").inner_text() == "frozen"
        assert RedPacket.objects.get(pk=packet.pk).is_frozen

        page.get_by_role("link", name="Unfreeze the packet").click()
        page.get_by_label("Reason").fill("checked with the owner")
        page.get_by_role("button", name="Unfreeze the packet").click()
        assert page.locator(".badge-frozen").count() == 0
        assert not RedPacket.objects.get(pk=packet.pk).is_frozen

        assert overflow(page) == 0
        page.goto(f"{base}/admin/packets/redpacket/")
        assert page.locator("#result_list tbody tr").count() == 4
        assert overflow(page) == 0
        page.get_by_role("button", name="简体中文").click()
        assert page.locator("html").get_attribute("lang") == "zh-hans"
        page.locator("#logout-form button").click()
        context.close()

    assert watch.left == []
    assert watch.errors == []
    assert [row.action for row in StaffAction.objects.order_by("pk")] == [
        "freeze_packet",
        "unfreeze_packet",
    ]
    assert [row.kind for row in StaffEvent.objects.order_by("pk")] == ["login", "logout"]
