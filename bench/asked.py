"""Every address of the back office and of the app's lists that reads a table that grows, by name,
and what EXPLAIN says of the statements behind it. For a database that history.py has filled."""

from collections.abc import Iterator
from datetime import timedelta

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone
from django.utils.http import urlencode
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice

from bench import history
from kit.http.pages import cursor as cursor_of
from office.frame.dossier import list_of, page_of
from office.readonly import ReadOnlyAdmin
from packets.models import RedPacket
from payments.models import PaymentOrder
from wallets import accounts
from wallets.models import LedgerLine, Wallet

API = "/api/v1"
LONG_AGO = "2020-01-01"


def staff() -> User:
    user = User.objects.create_superuser("bench", password=None)
    TOTPDevice.objects.create(user=user, name="phone", confirmed=True)
    return user


def desk(user: User) -> Client:
    """A client that has shown both factors."""
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = TOTPDevice.objects.get(user=user).persistent_id
    session.save()
    return client


def of_staff(user: User) -> dict[str, str]:
    """Lists, deep in them, each choice of each filter, each kind of search, pages."""
    asked = {"index": "/admin/"}
    for model_admin in admin.site._registry.values():
        if isinstance(model_admin, ReadOnlyAdmin):
            asked |= dict(_of_model(model_admin, user))
    return asked | dict(_pages()) | dict(_found())


def _of_model(model_admin, user: User) -> Iterator[tuple[str, str]]:
    model, name = model_admin.model, model_admin.opts.model_name
    url, middle = list_of(model), _middle(model)
    yield f"{name} list", url
    if middle is None:
        return
    yield f"{name} list, deep", f"{url}?{urlencode({'before': middle.pk})}"
    request = RequestFactory().get(url)
    request.user = user
    for spec in model_admin.get_changelist_instance(request).filter_specs:
        for query in _choices(spec, model_admin.get_changelist_instance(request)):
            yield f"{name} list {query}", url + query
    for field in model_admin.search_fields:
        if word := _value(middle, field):
            yield f"{name} list, search {field}", f"{url}?{urlencode({'q': word})}"
    if model_admin.search_fields:
        yield f"{name} list, search in vain", f"{url}?q=nothing-bears-this"
    yield f"{name} page", page_of(middle)


def _choices(spec, changelist) -> Iterator[str]:
    for choice in spec.choices(changelist):
        if choice["query_string"] != "?":
            yield choice["query_string"]
    middle = timezone.localdate() - timedelta(days=180)
    forms = [
        {"__from": middle, "__to": middle},
        {"__from": LONG_AGO, "__to": middle},
        {"__least": "8", "__most": "8"},
        {"__least": "1", "__most": "100000"},
        {"__day": middle},
    ]
    for form in forms:
        given = {
            parameter: value
            for parameter in spec.expected_parameters()
            for ending, value in form.items()
            if parameter and parameter.endswith(ending)
        }
        if given:
            yield f"?{urlencode(given)}"


def _middle(model):
    """A row from the middle of its table."""
    keys = model.objects.order_by("pk").values_list("pk", flat=True)
    if (first := keys.first()) is None:
        return None
    last = keys.last()
    between = (first + last) // 2 if isinstance(first, int) else "u5"
    return model.objects.filter(pk__gte=between).order_by("pk").first()


def _value(row, path: str):
    for part in path.split("__"):
        row = getattr(row, part)
    return row


def _pages() -> Iterator[tuple[str, str]]:
    wallet = page_of(Wallet(user_id=history.BUSY))
    line = LedgerLine.objects.filter(target=accounts.wallet(history.BUSY)).order_by("-pk")
    older = line.filter(pk__lt=_middle(LedgerLine).pk).first()
    yield "busy wallet page", wallet
    yield "busy wallet page, deep", f"{wallet}?{urlencode({'before': older.pk})}"
    yield "page of a user without a wallet", page_of(Wallet(user_id="nobody"))
    packets = RedPacket.objects.order_by("-pk")
    paid_through_channel = packets.filter(pay_type__lt=4, pay_status=1).first()
    yield "packet page, paid through a channel", page_of(paid_through_channel)
    yield "packet page, the newest", page_of(packets.first())
    ledger = list_of(LedgerLine)
    words = {
        "busy user": history.BUSY,
        "user": "u5",
        "clearing account": "clearing:alipay",
        "escrow": accounts.escrow(paid_through_channel.public_id),
        "empty account": "platform",
        "packet": paid_through_channel.public_id,
    }
    for name, word in words.items():
        yield f"ledgerline list, search {name}", f"{ledger}?{urlencode({'q': word})}"
    deep = {"q": history.BUSY, "before": older.pk}
    yield "ledgerline list, search busy user, deep", f"{ledger}?{urlencode(deep)}"


def _found() -> Iterator[tuple[str, str]]:
    packet = _middle(RedPacket)
    order = PaymentOrder.objects.filter(reference=packet.public_id).first() or _middle(PaymentOrder)
    words = {
        "user": "u5",
        "busy user": history.BUSY,
        "packet id": packet.public_id,
        "internal id": packet.pk,
        "order number": order.order_no,
        "trade number": order.trade_no,
        "share's line": f"{packet.public_id}/1",
        "escrow": accounts.escrow(packet.public_id),
        "refund number": "hr12",
        "group": "g7",
        "nothing": "nothing-bears-this",
    }
    for name, word in words.items():
        yield f"find {name}", f"/admin/find/?{urlencode({'q': word})}"


def of_the_app() -> dict[str, str]:
    """What the app asks for, by the busiest user."""
    sent = RedPacket.objects.filter(user_id=history.BUSY).order_by("-add_time")[0]
    year = timezone.localdate().year
    middle = timezone.now() - timedelta(days=180)
    at = cursor_of(int(middle.timestamp() * 1_000_000), 10**15)
    line = cursor_of(_middle(LedgerLine).pk)
    boxes = {
        f"{box}{name}": f"{API}/packets?box={box}{query}"
        for box in ("sent", "received")
        for name, query in {
            "": "",
            ", deep": f"&cursor={at}",
            " of a year": f"&year={year}",
        }.items()
    }
    flows = {
        f"flow {kind}": f"{API}/wallet/flow?kind={kind}"
        for kind in ("send", "grab", "refund", "topup", "adjustment")
    }
    named = {
        **boxes,
        "flow": f"{API}/wallet/flow",
        "flow, deep": f"{API}/wallet/flow?cursor={line}",
        **flows,
        "summary": f"{API}/packets/summary?year={year}",
        "summary of the year before": f"{API}/packets/summary?year={year - 1}",
        "wallet": f"{API}/wallet",
        "packet": f"{API}/packets/{sent.public_id}",
    }
    return {f"API {name}": address for name, address in named.items()}


# --- what the database says


def offenders(statements: list[str], few: int) -> list[str]:
    """Steps of EXPLAIN that scan a table or sort, for more than a few rows."""
    found = []
    with connection.cursor() as cursor:
        for sql in dict.fromkeys(sql for sql in statements if sql.startswith("SELECT")):
            cursor.execute(f"EXPLAIN {sql}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                step = dict(zip(names, row, strict=True))
                extra, rows = step["Extra"] or "", int(str(step["rows"] or 0).split()[0])
                is_sorted = "filesort" in extra or "temporary" in extra
                is_ours = not str(step["table"]).startswith("<")  # not what a LIMIT cut
                if is_ours and rows > few and (step["type"] == "ALL" or is_sorted):
                    found.append(
                        f"{step['table']}: {step['type']} {step['key']} {rows} rows, {extra}"
                        f" <- {sql[:60]} ... {sql[sql.find(' WHERE ') :][:300]}"
                    )
    return found
