"""The centre's secrets, in one file of the state folder (`keys.json`, mode 0600, made on first start).

    fields    a ring: the newest key closes personal fields, all of them open; rotation adds one
    blind     makes the index by which an encrypted field can be looked up
    token     the chain's key for card and telephone tokens, given to every edge (sync/contract/tokens.py)
    seal      the X25519 key that joiners are sealed to (sync/contract/sealed.py)
    stores    from which each store's own key is derived (its replica at rest)

A closed field is ``1 | key id 4 | nonce 12 | ChaCha20-Poly1305 of the UTF-8``. Losing the file loses every
name and telephone number for good: it belongs in the backup, but not in the same one as the database.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from central_server.errors import Misconfigured
from sync.contract.ids import check_store
from sync.contract.sealed import Joiner, unseal

KEYS_FILE = "keys.json"
KEYS_MAX = 256  # field keys in the ring; rotating monthly that is twenty years
FILE_MAX_BYTES = 256 * 1024
_FORM = b"\x01"
_ID_BYTES, _NONCE_BYTES, _KEY_BYTES = 4, 12, 32

RandomBytes = Callable[[int], bytes]


class CannotDecrypt(Misconfigured):
    """A field was closed with a key that this centre does not have, or was changed."""


class _FieldKey(msgspec.Struct, frozen=True):
    id: bytes
    key: bytes


class _File(msgspec.Struct, frozen=True):
    fields: list[_FieldKey]  # oldest first
    blind: bytes
    token: bytes
    seal: bytes
    stores: bytes
    version: int = 1


class Keys:
    """Opens and closes personal fields, and hands out the keys that edges need."""

    def __init__(self, file: _File, random_bytes: RandomBytes = secrets.token_bytes) -> None:
        self._file = file
        self._random_bytes = random_bytes
        self._ring = {each.id: ChaCha20Poly1305(each.key) for each in file.fields}
        self._newest = file.fields[-1].id
        private = X25519PrivateKey.from_private_bytes(file.seal)
        self.token_key: bytes = file.token
        self.public_key: bytes = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def fresh(cls, random_bytes: RandomBytes = secrets.token_bytes) -> Keys:
        """New keys, in memory only."""
        field = _FieldKey(random_bytes(_ID_BYTES), random_bytes(_KEY_BYTES))
        blind, token, seal, stores = (random_bytes(_KEY_BYTES) for _ in range(4))
        return cls(_File([field], blind, token, seal, stores), random_bytes)

    @classmethod
    def open(cls, state_dir: Path, random_bytes: RandomBytes = secrets.token_bytes) -> Keys:
        """The keys in `state_dir`, made there if there are none yet. Raises Misconfigured."""
        path = state_dir / KEYS_FILE
        if not path.exists():
            _write(path, cls.fresh(random_bytes)._file, replace=False)
        return cls(_read(path), random_bytes)

    def encrypt(self, text: str) -> bytes:
        """`text` closed with the newest key; the same text never gives the same bytes."""
        nonce = self._random_bytes(_NONCE_BYTES)
        head = _FORM + self._newest
        return head + nonce + self._ring[self._newest].encrypt(nonce, text.encode(), head)

    def decrypt(self, closed: bytes) -> str:
        """The text in `closed`. Raises CannotDecrypt."""
        head, nonce, body = closed[:5], closed[5:17], closed[17:]
        key = self._ring.get(head[1:])
        if head[:1] != _FORM or key is None:
            raise CannotDecrypt("a field was closed with a key that is not in {file}", file=KEYS_FILE)
        try:
            return key.decrypt(nonce, body, head).decode()
        except (InvalidTag, ValueError) as error:
            raise CannotDecrypt("a closed field has been changed") from error

    def needs_rotation(self, closed: bytes) -> bool:
        """Whether `closed` was closed with an older key than the newest."""
        return closed[1:5] != self._newest

    def rotated(self, state_dir: Path) -> Keys:
        """These keys with one more field key, written to `state_dir`. Raises Misconfigured at `KEYS_MAX`."""
        if len(self._file.fields) >= KEYS_MAX:
            raise Misconfigured("{file} holds {most} field keys already", file=KEYS_FILE, most=KEYS_MAX)
        newest = _FieldKey(self._random_bytes(_ID_BYTES), self._random_bytes(_KEY_BYTES))
        file = msgspec.structs.replace(self._file, fields=[*self._file.fields, newest])
        _write(state_dir / KEYS_FILE, file, replace=True)
        return Keys(file, self._random_bytes)

    def blind(self, kind: str, text: str) -> bytes:
        """32 bytes by which an encrypted field can be found again: equal text, equal bytes, per `kind`."""
        return hmac.new(self._file.blind, f"{kind}:{text}".encode(), sha256).digest()

    def unseal(self, sealed: str) -> Joiner:
        """Who joined at a till. Raises sync.contract.errors.BadMessage."""
        return unseal(sealed, self._file.seal)

    def store_key(self, store: str) -> bytes:
        """The key of one store, the same at every call: 32 bytes. Raises BadId."""
        info = b"tillbeam store 1:" + check_store(store).encode()
        return HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(self._file.stores)


def _read(path: Path) -> _File:
    if path.stat().st_mode & 0o077:
        raise Misconfigured("others may read {path}: chmod 600 {path}", path=str(path))
    raw = path.read_bytes()
    try:
        file = msgspec.json.decode(raw[:FILE_MAX_BYTES], type=_File)
    except msgspec.DecodeError as error:
        raise Misconfigured("{path} holds no keys: {why}", path=str(path), why=str(error)) from error
    keys = [file.blind, file.token, file.seal, file.stores, *(each.key for each in file.fields)]
    if not file.fields or file.version != 1 or any(len(key) != _KEY_BYTES for key in keys):
        raise Misconfigured("{path} holds no keys: {why}", path=str(path), why="wrong lengths")
    return file


def _write(path: Path, file: _File, *, replace: bool) -> None:
    """Whole or not at all, also when the power fails; without `replace`, whoever was first stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, msgspec.json.format(msgspec.json.encode(file), indent=1))
        os.fsync(handle)
    finally:
        os.close(handle)
    if replace:
        draft.replace(path)
    else:
        with contextlib.suppress(FileExistsError):  # another process made it meanwhile: theirs counts
            path.hardlink_to(draft)
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
