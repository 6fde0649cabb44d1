"""What is wrong with a programme's rules is said in the reader's language, and in the money of people."""

from __future__ import annotations

import re

import pytest

FORM = {
    "id": "gift2", "kind": "value", "unit": "CNY", "zh": "礼品卡", "en": "Gift", "holder": "card",
    "reload": "1", "face": "1000.01",
}  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_the_laws_limit_is_told_in_yuan(client, as_, lang) -> None:
    answer = await client.post("/cards/programmes/new", data=FORM, headers=as_(lang=lang))
    assert answer.status_code == 422
    assert "¥1,000.00" in answer.text
    assert "Value error" not in answer.text
    assert "100000" not in answer.text


async def test_a_rule_that_nobody_knows_is_named(client, as_) -> None:
    more = {"face": "0", "more": '{"colour": "red"}'}
    answer = await client.post("/cards/programmes/new", data=FORM | more, headers=as_())
    assert answer.status_code == 422
    assert "there is nothing called colour" in answer.text
    assert not re.search("Extra inputs", answer.text)


async def test_the_api_says_the_same(client, as_) -> None:
    rules = {"kind": "value", "unit": "CNY", "zh": "礼品卡", "en": "Gift", "balance_max": 100_001}
    for lang, said in (("en", "the law lets such a card hold at most ¥1,000.00"), ("zh_CN", "¥1,000.00")):
        answer = await client.put("/api/v1/programmes/gift2", json={"rules": rules}, headers=as_(lang=lang))
        assert answer.status_code == 422
        assert said in answer.json()["fields"]["body.rules"]
