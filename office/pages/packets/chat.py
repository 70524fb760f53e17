"""What the chat server told: groups and profiles."""

from django.contrib import admin
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from office.frame.dossier import list_of, page_of
from office.frame.find import Hit, finder
from office.readonly import ReadOnlyAdmin
from packets.models import GroupMember, Profile, RedPacket, Share
from wallets.models import Wallet


@finder(_("users without a wallet"), "wallets.view_wallet")
def users(word):
    """Who sent, took or is called something, though no money ever moved."""
    if Wallet.objects.filter(user_id=word).exists():
        return
    known = (
        Profile.objects.filter(user_id=word),
        Share.objects.filter(user_id=word),
        RedPacket.objects.filter(user_id=word),
    )
    if any(rows.exists() for rows in known):
        yield Hit(page_of(Wallet(user_id=word)), word)


@finder(pgettext_lazy("chat", "groups"), "packets.view_groupmember")
def groups(word):
    members = GroupMember.objects.filter(group_id=word)
    if members.exists():
        query = urlencode({"q": word})
        yield Hit(f"{list_of(GroupMember)}?{query}", word, _("members of the group"))


@admin.register(GroupMember)
class GroupMemberAdmin(ReadOnlyAdmin):
    list_display = ["group_id", "user_id"]
    search_fields = ["group_id"]
    search_help_text = pgettext_lazy("chat", "group")


@admin.register(Profile)
class ProfileAdmin(ReadOnlyAdmin):
    list_display = ["user_id", "nickname", "avatar"]
    search_fields = ["user_id"]
    search_help_text = _("user")
    ordering = ["pk"]
