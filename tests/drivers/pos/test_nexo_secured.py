"""A secured message is read by who has the key, and by nobody who has changed a bit of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.pos.nexo.documents import DOCUMENT_BYTES_MAX, Documents
from drivers.pos.nexo.secured import Key, Unsafe

KEY = Key("mysupersecretpassphrase", "mykey", 1)
TRAILER = {"KeyIdentifier": "mykey", "KeyVersion": 1}


@given(plain=st.binary(max_size=300), nonce=st.binary(min_size=16, max_size=16))
def test_what_was_sealed_is_opened(plain: bytes, nonce: bytes) -> None:
    blob, trailer = KEY.seal(plain, TRAILER, lambda size: nonce)
    assert KEY.open(blob, trailer) == plain


@given(data=st.data())
def test_one_bit_changed_anywhere_is_noticed(data: st.DataObject) -> None:
    blob, trailer = KEY.seal(b'{"SaleToPOIRequest":{}}', TRAILER, bytes)
    where = data.draw(st.sampled_from(["blob", "Hmac", "Nonce"]))
    sealed = bytearray(base64.b64decode(blob if where == "blob" else trailer[where]))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = base64.b64encode(bytes(sealed)).decode()
    with pytest.raises(Unsafe, match="hmac"):
        KEY.open(
            changed if where == "blob" else blob, trailer | ({} if where == "blob" else {where: changed})
        )


@given(blob=st.none() | st.text(max_size=50), trailer=st.none() | st.dictionaries(st.text(), st.text()))
def test_nonsense_is_unsafe_and_nothing_else(blob: Any, trailer: Any) -> None:
    with pytest.raises(Unsafe):
        KEY.open(blob, trailer if trailer is None else trailer | TRAILER)


def test_a_key_shows_nothing_of_its_passphrase() -> None:
    assert repr(KEY) == "Key('mykey', 1)"


def test_a_document_that_never_ends_is_given_up_and_the_next_is_found() -> None:
    documents = Documents()
    whole = b'{"SaleToPOIRequest": {"a": "\\"}"}}'
    endless = b'{"MessageHeader": {' + b" " * DOCUMENT_BYTES_MAX
    found = documents.feed(0, endless) + documents.feed(len(endless), whole)
    assert [each.raw for each in found] == [whole]
    assert found[0].at_byte == len(endless)
    begun = b'{"NexoBlob": {'
    at = len(endless) + len(whole)
    assert documents.feed(at, begun + whole + b" ") == []
    assert [each.raw for each in documents.pause()] == [whole]
    assert not documents.waiting
