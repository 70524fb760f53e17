"""How the pretend channels behave when nobody says otherwise: one row of settings."""

from dataclasses import dataclass, fields

from sandbox.models import SandboxDefaults

TIMES_MAX = 100
WAIT_S_MAX = 30 * 86_400
REFUNDS = ("done", "pending", "failed", "closed", "refused")
CHARSETS = ("utf-8", "gbk")
BILLS = ("", "missing", "extra", "wrong", "doubled")


class Unfit(ValueError):
    """What was asked makes no sense; says which field."""


@dataclass(frozen=True, slots=True)
class Defaults:
    lag_s: float = 1.0  # from payment to notification
    arrives_s: float = 0.0  # from payment until the channel shows it
    notify: bool = True
    times: int = 1
    refund: str = "done"
    refund_s: float = 5.0  # how long a pending refund stays pending
    bill: str = ""  # what is wrong with the daily bill
    charset: str = "utf-8"  # of what Alipay says

    def __post_init__(self):
        for name in ("lag_s", "arrives_s", "refund_s"):
            number(name, getattr(self, name), 0, WAIT_S_MAX)
        whole("times", self.times, 1, TIMES_MAX)
        if not isinstance(self.notify, bool):
            raise Unfit("notify: true or false")
        if self.refund not in REFUNDS:
            raise Unfit(f"refund: one of {', '.join(REFUNDS)}")
        if self.charset not in CHARSETS:
            raise Unfit(f"charset: one of {', '.join(CHARSETS)}")
        if self.bill not in BILLS:
            raise Unfit(f"bill: one of {', '.join(BILLS)}")


def defaults() -> Defaults:
    row = SandboxDefaults.objects.filter(pk=1).first()
    return Defaults(**row.values) if row else Defaults()


def change_defaults(values: dict) -> Defaults:
    known = {field.name for field in fields(Defaults)}
    if unknown := set(values) - known:
        raise Unfit(f"unknown: {', '.join(sorted(unknown))}")
    row, _ = SandboxDefaults.objects.get_or_create(pk=1)
    merged = row.values | values
    made = Defaults(**merged)
    row.values = merged
    row.save()
    return made


def number(name: str, value: object, least: float, most: float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:
        raise Unfit(f"{name}: a number from {least} to {most}")


def whole(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Unfit(f"{name}: a whole number from {least} to {most}")
