"""A wallet's flow (流水): each line with the balance behind it, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.core import signing
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from kit.money import yuan as to_yuan
from kit.telling import told
from office.frame.dossier import Section, moment, to, yuan
from office.shown.accounts import about
from wallets import accounts, statement
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind

LINES = 25
TRIES = 3
SALT = "flow"
KINDS = tuple(kind for kinds in statement.FLOW_KINDS.values() for kind in kinds)


@dataclass(frozen=True)
class Flow:
    """Lines, newest first, and the balance behind each; None where nobody can tell it."""

    user_id: str
    lines: Sequence[LedgerLine]
    balances: Sequence[Decimal | None]
    has_more: bool

    @property
    def older(self) -> str:
        """The place behind the last line. Signed: the balance there is taken from it."""
        if not self.has_more:
            return ""
        last, balance = self.lines[-1], self.balances[-1]
        if balance is None:
            return str(last.pk)
        return signing.dumps([last.pk, str(balance - change(self.user_id, last))], salt=SALT)


def change(user_id: str, line: LedgerLine) -> Decimal:
    """What the line did to the wallet: negative when money left it."""
    return -line.amount if line.source == accounts.wallet(user_id) else line.amount


def read(user_id: str, place: str) -> Flow:
    """A page of it. Balances go backwards from the wallet's own, or from where the page before
    ended: nothing is summed up, however long the flow is."""
    before, balance = _place(place)
    keys = newest_keys(user_id, before)
    for _try in range(TRIES if before is None else 0):
        balance = Wallet.objects.filter(pk=user_id).values_list("balance", flat=True).first()
        seen, keys = keys, newest_keys(user_id, before)
        if seen == keys:  # nothing moved while the balance was read, so it is that of these lines
            break
        balance = None
    rows = LedgerLine.objects.in_bulk(keys[:LINES])
    lines = [rows[key] for key in keys[:LINES]]
    balances: list[Decimal | None] = []
    for line in lines:
        balances.append(balance)
        balance = None if balance is None else balance - change(user_id, line)
    return Flow(user_id, lines, balances, len(keys) > LINES)


def newest_keys(user_id: str, before: int | None) -> list[int]:
    account = accounts.wallet(user_id)
    return statement.newest(account, kinds=KINDS, before=before, count=LINES + 1)


def _place(place: str) -> tuple[int | None, Decimal | None]:
    """Where a page begins, and the balance there; a key alone says no balance."""
    if place.isascii() and place.isdigit() and len(place) < 19:
        return int(place), None
    try:
        key, balance = signing.loads(place, salt=SALT) if place else (None, None)
        return key, balance and to_yuan(balance)
    except signing.BadSignature:
        return None, None


def section(user_id: str, place: str) -> Section:
    flow = read(user_id, place)
    columns = [_("time"), _("amount"), _("balance"), _("kind"), _("about"), _("note")]
    rows = [
        [
            to(line, moment(line.created_at, is_exact=True)),
            yuan(change(user_id, line)),
            yuan(balance),
            LineKind(line.kind).label,
            about(line),
            told(line.note) or "-",
        ]
        for line, balance in zip(flow.lines, flow.balances, strict=True)
    ]
    older = f"?{urlencode({'before': flow.older})}#flow" if flow.older else ""
    return Section(_("flow"), columns, rows, name="flow", older=older)
