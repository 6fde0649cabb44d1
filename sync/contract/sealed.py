"""Personal data on its way to the centre, which no disk or broker between can read.

A sealed box: an ephemeral X25519 key agrees with the centre's public key, HKDF-SHA256 makes the key,
ChaCha20-Poly1305 (RFC 8439) closes it. ``sealed = base64(ephemeral public 32 | ciphertext)``; the nonce is
zero, because each key is used once.
"""

from __future__ import annotations

import base64
import binascii

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sync.contract.errors import BadMessage
from sync.contract.events import SEALED_MAX, Name, Text

_NONCE = bytes(12)


class Joiner(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who joined, in clear: only ever in memory, at the till and at the centre."""

    name: Text
    phone: Name = ""
    card: Name = ""
    consent: bool = False


def seal(joiner: Joiner, centre_public_key: bytes) -> str:
    """`joiner` so that only the centre can read it. `centre_public_key` is 32 raw bytes."""
    ephemeral = X25519PrivateKey.generate()
    public = ephemeral.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key = _key(ephemeral.exchange(X25519PublicKey.from_public_bytes(centre_public_key)), public)
    return base64.b64encode(
        public + ChaCha20Poly1305(key).encrypt(_NONCE, msgspec.json.encode(joiner), None)
    ).decode()


def unseal(sealed: str, centre_private_key: bytes) -> Joiner:
    """The joiner inside. Raises BadMessage when it was not sealed for this key, or is too long."""
    if len(sealed) > SEALED_MAX:
        raise BadMessage(f"a sealed joiner of {len(sealed)} bytes is over {SEALED_MAX}")
    try:
        raw = base64.b64decode(sealed, validate=True)
        public, ciphertext = raw[:32], raw[32:]
        shared = X25519PrivateKey.from_private_bytes(centre_private_key).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
        plain = ChaCha20Poly1305(_key(shared, public)).decrypt(_NONCE, ciphertext, None)
        return msgspec.json.decode(plain, type=Joiner)
    except (binascii.Error, ValueError, InvalidTag, msgspec.DecodeError, RecursionError) as error:
        raise BadMessage("a sealed joiner that this centre's key does not open") from error


def _key(shared: bytes, public: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"tillbeam joiner 1" + public).derive(shared)
