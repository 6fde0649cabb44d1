"""The default profile reads these papers without being told."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.pos.escpos_tap import profiles
from drivers.pos.escpos_tap.grammar import Grammar
from drivers.pos.escpos_tap.options import Options
from drivers.pos.escpos_tap.protocol import AFTER_CUT_MS, EscposTapDecoder

_PAPERS: list[tuple[str, str, list[str], dict[str, Any]]] = [
    (
        "CNY",
        "gb18030",
        [
            "商品 数量 单价 小计",
            "可乐",
            "6901234567890 2 3.00 6.00",
            "薯片",
            "6901234567891 1 5.50 5.50",
            "总数量：3  总金额：11.50",
            "实收：20.00",
            "找零：8.50",
            "单号：20240101-0001",
            "电话：0571-88888888",
        ],
        {
            "items": [["可乐", "2", "3.00", "6.00"], ["薯片", "1", "5.50", "5.50"]],
            "total": "11.50",
            "cash": "20.00",
            "change": "8.50",
            "receipt": "20240101-0001",
        },
    ),
    (
        "CNY",
        "gb18030",
        ["可口可乐 2*3.50=7.00", "雪碧(大) ￥12.50", "合  计：￥19.50", "收款:支付宝 19.50"],
        {
            "items": [["可口可乐", "2", "3.50", "7.00"], ["雪碧(大)", "12.50"]],
            "total": "19.50",
            "tenders": [["mobile", "19.50"]],
        },
    ),
    (
        "GBP",
        "utf-8",
        [
            "Fish & Chips x1   £8.50",
            "Cola x2   £3.00",
            "VAT @ 20%   £1.92",
            "Total   £11.50",
            "Visa Debit   £11.50",
        ],
        {
            "items": [["Fish & Chips x1", "8.50"], ["Cola x2", "3.00"]],
            "tax": "1.92",
            "total": "11.50",
            "tenders": [["card", "11.50"]],
        },
    ),
    (
        "EUR",
        "utf-8",
        [
            "2 Espresso 5,00 €",
            "Gesamtbetrag 5,00 €",
            "Gegeben Bar 10,00 €",
            "Rückgeld 5,00 €",
            "inkl. MwSt 19% 0,80 €",
            "Rechnungsnr.: 2024-0017",
            "Es bediente Sie: Anna",
        ],
        {
            "items": [["2 Espresso", "5,00"]],
            "tax": "0,80",
            "total": "5,00",
            "cash": "10,00",
            "change": "5,00",
            "receipt": "2024-0017",
            "cashier": "Anna",
        },
    ),
    (
        "USD",
        "ascii",
        [
            "Item 1   1,234.50 T",
            "Total Greek yogurt   3.50",
            "Balance Due   $1,238.00",
            "Cash Tendered $1,300.00",
            "Change Due $62.00",
            "Receipt # A-17",
        ],
        {
            "items": [["Item 1", "1,234.50"], ["Total Greek yogurt", "3.50"]],
            "total": "1,238.00",
            "cash": "1,300.00",
            "change": "62.00",
            "receipt": "A-17",
        },
    ),
    (
        "JPY",
        "utf-8",
        ["おにぎり   150", "お茶       130", "合計       280", "現金       500", "釣銭       220"],
        {"items": [["おにぎり", "150"], ["お茶", "130"]], "total": "280", "cash": "500", "change": "220"},
    ),
]


@pytest.mark.parametrize(("currency", "codec", "lines", "expect"), _PAPERS)
def test_a_paper_is_read_without_being_told(
    currency: str, codec: str, lines: list[str], expect: dict[str, Any]
) -> None:
    job = b"\x1b@" + "\n".join(lines).encode(codec) + b"\n\x1bi"
    decoder = EscposTapDecoder(Options(currency=currency))
    fields = (decoder.feed(job, 0) + decoder.wake(AFTER_CUT_MS))[0].what.fields
    assert {key: fields.get(key) for key in expect} == expect
    assert "unbalanced" not in fields


def test_a_line_seen_before_means_what_its_own_receipt_says() -> None:
    grammar = Grammar(profiles.load("default"), digits=2)
    line = "Bolts 2 3.00 6.00"
    headed = ["Item  Price  Qty  Amount", line, "TOTAL 6.00"]
    bare = [line, "TOTAL 6.00"]
    taken_back = ["Original receipt no: R7", "Receipt No: R7", "TOTAL 6.00"]
    sold = ["Receipt No: R7", "TOTAL 6.00"]

    for _ in range(2):
        assert grammar.read(headed).items == [("Bolts", "3.00", "2", "6.00")]
        assert grammar.read(bare).items == [("Bolts", "2", "3.00", "6.00")]
        assert grammar.read(taken_back).numbers == {"refers_to": "R7"}
        assert grammar.read(sold).numbers == {"receipt": "R7"}
