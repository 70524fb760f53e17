"""Chinese is written with marks of its own, and without a space beside them."""

import re

_WIDE = "，。；：！？、（）《》“”…"
_HAN = rf"[\u3400-\u9fff{_WIDE}]"
_NARROW = re.compile(
    rf"[,;:](?: |$)|^[,;:]|{_HAN}[,;:!?](?!\w)|[,;:!?]{_HAN}|{_HAN}\(|\){_HAN}"
    rf"|[，。；：！？、（] | [{_WIDE}]"
)


def narrow(text: str) -> list[str]:
    """Marks of another script, and spaces, where a Chinese text has neither.

    >>> narrow("状态: 已支付"), narrow("已支付。 已领取"), narrow("共(3)"), narrow("alice, 8.88")
    (['态:'], ['。 '], ['共('], [', '])
    >>> narrow("2026-11-28 09:30:01 共 1,234.00 元（3 份）。")
    []
    """
    return _NARROW.findall(text)
