"""Masks, name pieces, ids and a person's fields, without a database."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.errors import Invalid
from central_server.membership.ids import id_of_joiner
from central_server.membership.masks import STARS_MAX, masked, masked_email, masked_name, masked_phone
from central_server.membership.person import age, checked, whole
from central_server.membership.pieces import asked_pieces, fits, name_pieces
from sync.contract.ids import is_member_id, member_id

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("王小明", "王**"), ("王明", "王*"), ("John Doe", "J*** D**"), ("J", "*"), ("", ""), ("  Li  ", "L*")],
)
def test_a_name_is_recognised_but_not_read(name: str, shown: str) -> None:
    assert masked_name(name) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("+8613800138000", "138****8000"), ("+442071234567", "442*****4567"), ("+8612345", "***45"), ("", "")],
)
def test_a_telephone_number_shows_at_most_what_a_receipt_would(phone: str, shown: str) -> None:
    assert masked_phone(phone) == shown


def test_an_address_or_a_note_shows_nothing() -> None:
    assert masked("address", "1 High Street") == "***"
    assert masked("note", "") == ""
    assert masked_email("jane@example.com") == "j***@example.com"


@given(st.text(min_size=2, max_size=40))
def test_no_mask_shows_two_letters_of_a_word_in_a_row(name: str) -> None:
    for word, shown in zip(name.split(), masked_name(name).split(), strict=False):
        assert set(shown[1:]) <= {"*"}
        assert len(shown) <= min(len(word), STARS_MAX + 1)


@given(st.text(alphabet="0123456789", min_size=0, max_size=15))
def test_a_masked_number_hides_at_least_four_digits_or_half(digits: str) -> None:
    shown = masked_phone("+" + digits)
    assert shown.count("*") >= min(4, (len(shown) + 1) // 2)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("王小明", "王"), ("王小明", "小明"), ("王小明", "王小明"), ("John Doe", "DOE john"),
        ("José García", "jose garcia"), ("Ｊｏｈｎ", "john"), ("欧阳娜娜", "阳娜"), ("王Michael", "michael"),
        ("Wolfeschlegelsteinhausen", "Wolfeschlegelstein"),
    ],
)  # fmt: skip
def test_a_name_is_found_by_its_beginnings_and_characters(name: str, query: str) -> None:
    assert asked_pieces(query) <= name_pieces(name)
    assert fits(query, name)


@pytest.mark.parametrize(
    ("name", "query"), [("王小明", "王明"), ("John Doe", "ohn"), ("John Doe", "doe x jane")]
)
def test_a_name_is_not_found_by_what_is_not_in_it(name: str, query: str) -> None:
    assert not (asked_pieces(query) <= name_pieces(name) and fits(query, name))


@given(st.text(max_size=40), st.text(max_size=12))
def test_whatever_fits_a_query_has_every_piece_it_asks_for(name: str, query: str) -> None:
    if len(name_pieces(name)) < 60 and fits(query, name):
        assert asked_pieces(query) <= name_pieces(name)


def test_an_id_says_nothing_and_is_written_in_one_way() -> None:
    made = member_id(bytes(range(8)))
    assert is_member_id(made)
    assert len(made) == 13
    assert id_of_joiner(made, 7) == made
    other = id_of_joiner("'; drop table", 7)
    assert is_member_id(other)
    assert other == id_of_joiner("whatever else", 7) != id_of_joiner("whatever else", 8)


def test_a_person_is_kept_in_one_form() -> None:
    typed = {
        "name": " 王小明 ",
        "phone": "138 0013-8000",
        "birthday": "1990-12-31",
        "consent": "on",
        "email": "a@b.cn",
    }
    kept = whole(typed, required=["name", "phone"], today=TODAY)
    assert kept["name"] == "王小明"
    assert kept["phone"] == "+8613800138000"
    assert kept["consent"] == "1"
    assert kept["address"] == ""
    assert age(kept["birthday"], TODAY) == 35
    assert age("", TODAY) is None


def test_every_wrong_field_is_said_at_once() -> None:
    typed = {
        "phone": "x",
        "email": "nobody",
        "birthday": "2031-01-01",
        "sex": "?",
        "nickname": "a",
        "note": "n" * 2001,
    }
    with pytest.raises(Invalid) as refused:
        whole(typed, required=["name", "address"], today=TODAY)
    assert set(refused.value.fields) == {*typed, "name", "address"}


def test_an_edit_of_one_field_needs_no_other() -> None:
    assert checked({"tier": "gold"}, required=["name"], today=TODAY) == {"tier": "gold"}
    with pytest.raises(Invalid):
        checked({"name": " "}, required=["name"], today=TODAY)


@given(
    st.dictionaries(
        st.sampled_from(["name", "phone", "email", "birthday", "note", "sex"]), st.text(max_size=60)
    )
)
def test_what_is_kept_is_kept_again_unchanged(typed: dict[str, str]) -> None:
    try:
        kept = checked(typed, required=[], today=TODAY)
    except Invalid:
        return
    assert checked(kept, required=[], today=TODAY) == kept
