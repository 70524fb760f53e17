"""Amounts as people type them, read by money.js itself in the browser."""

import pytest

from h5 import files

pytestmark = pytest.mark.once  # what depends on the engine, test_packet, _send and _try ask of both

pytestmark = pytest.mark.once

AMOUNTS = {
    "12.34": 1234, "0.01": 1, "5": 500, "5.": 500, ".5": 50, ".05": 5, "  7.5 ": 750, "007": 700,
    "９．９": 990, "１２。５": 1250, "1，5": 150, "1,5": 150, "1,23": 123, "1,234": 123400,
    "12,345.67": 1234567, "1'234.5": 123450, "1 234.50": 123450, "1,234,56": 12345600,
    "¥10": 1000, "￥10.00": 1000, "CNY 10": 1000, "10元": 1000, "10 yuan": 1000, "¥ 8.8 元": 880,
    "٣.٥": 350, "۱۲": 1200, "५.५": 550, "0": 0, "9999999.99": 999999999,
}  # fmt: skip
NO_AMOUNTS = [
    "", " ", "1.234", "1e3", "-1", "－1", "+1", "1.2.3", "abc", "0x10", "12345678", "1.234,56",
    "NaN", "Infinity", ".", ",", "1..2", "¥", "元", "1\u202e2", "²", "一", "1/2", "1%",
]  # fmt: skip


def test_amounts_are_read_exactly_or_not_at_all(phone, served):
    page = phone.open("/h5/wallet", None)
    table = [*AMOUNTS, *NO_AMOUNTS]
    script = """async ([url, table]) => {
        const money = await import(url);
        return table.map((text) => [money.parse(text), money.show(money.parse(text) ?? 0)]);
    }"""

    found = page.evaluate(script, [files.url("money.js"), table])

    assert {text: fen for text, (fen, _) in zip(table, found, strict=True)} == {
        **AMOUNTS,
        **dict.fromkeys(NO_AMOUNTS),
    }
    shown = dict(zip(table, found, strict=True))
    assert (shown["5."][1], shown[".05"][1], shown["12,345.67"][1]) == ("5.00", "0.05", "12345.67")


def test_whole_numbers(phone):
    page = phone.open("/h5/wallet", None)

    counted = page.evaluate(
        "async ([url, all]) => { const m = await import(url); return all.map(m.count); }",
        [files.url("money.js"), ["3", " ３ ", "٣", "0", "", "1.5", "1e2", "-1", "1,000"]],
    )

    assert counted == [3, 3, 3, 0, None, None, None, None, None]
