"""A message that only till and terminal can read, and that nobody can have changed.

    PBKDF2-HMAC-SHA1(passphrase, "AdyenNexoV1Salt", 4000 rounds) ──► 32 bytes | 32 bytes | 16 bytes
                                                                     HMAC key   cipher key  IV
    NexoBlob         = base64 AES-256-CBC (PKCS 7) of the whole plain document
    its IV           = IV xor Nonce, 16 bytes of chance for each message
    Hmac             = base64 HMAC-SHA256 of the plain document

Source: Adyen's own library (npm @adyen/api-library 32.1.0, lib/src/security/nexoCrypto.js).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

SALT, ROUNDS = b"AdyenNexoV1Salt", 4000
HMAC_BYTES, CIPHER_BYTES, BLOCK_BYTES = 32, 32, 16
CRYPTO_VERSION = 1


class Unsafe(Exception):
    """A secured message that is not to be believed. `problem` in a word: key, blob, nonce, hmac."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


class Key:
    """The key that a till and its terminal share; derived when it is first needed."""

    def __init__(self, passphrase: str, identifier: str = "", version: int | None = None) -> None:
        """`identifier` and `version` are those that messages must name; empty and None: any."""
        self._passphrase, self.identifier, self.version = passphrase, identifier, version

    def __repr__(self) -> str:
        return f"Key({self.identifier!r}, {self.version})"

    def open(self, blob: Any, trailer: Any) -> bytes:
        """The plain document of a NexoBlob and its SecurityTrailer. Raises Unsafe."""
        if not isinstance(trailer, Mapping) or not self._is_named_by(trailer):
            raise Unsafe("key")
        nonce, sealed = _bytes(trailer.get("Nonce")), _bytes(blob)
        if nonce is None or len(nonce) != BLOCK_BYTES:
            raise Unsafe("nonce")
        if not sealed or len(sealed) % BLOCK_BYTES:
            raise Unsafe("blob")
        plain = self._decrypted(sealed, nonce)
        # A wrong padding is the same word as a wrong HMAC, and takes as long: there is nothing to be learnt.
        padding = plain[-1]
        padded = 1 <= padding <= BLOCK_BYTES and plain.endswith(bytes([padding]) * padding)
        document = plain[:-padding] if padded else plain
        given = _bytes(trailer.get("Hmac")) or b""
        if not hmac.compare_digest(self._hmac(document), given) or not padded:
            raise Unsafe("hmac")
        return document

    def seal(
        self, plain: bytes, trailer: Mapping[str, Any], random_bytes: Callable[[int], bytes]
    ) -> tuple[str, dict[str, Any]]:
        """NexoBlob and SecurityTrailer of an answer to a message that had that `trailer`."""
        nonce = random_bytes(BLOCK_BYTES)
        padding = BLOCK_BYTES - len(plain) % BLOCK_BYTES
        cipher = self._cipher(nonce).encryptor()
        sealed = cipher.update(plain + bytes([padding]) * padding) + cipher.finalize()
        return _text(sealed), {
            "AdyenCryptoVersion": CRYPTO_VERSION,
            "Hmac": _text(self._hmac(plain)),
            "KeyIdentifier": trailer.get("KeyIdentifier", self.identifier),
            "KeyVersion": trailer.get("KeyVersion", self.version or 0),
            "Nonce": _text(nonce),
        }

    def _is_named_by(self, trailer: Mapping[str, Any]) -> bool:
        # As text, because some tills write their numbers as such.
        version = None if self.version is None else str(self.version)
        return (
            str(trailer.get("AdyenCryptoVersion", CRYPTO_VERSION)) == str(CRYPTO_VERSION)
            and self.identifier in ("", trailer.get("KeyIdentifier"))
            and version in (None, str(trailer.get("KeyVersion")))
        )

    @property
    def _material(self) -> tuple[bytes, bytes, bytes]:
        return _derived(self._passphrase)

    def _hmac(self, plain: bytes) -> bytes:
        return hmac.new(self._material[0], plain, hashlib.sha256).digest()

    def _decrypted(self, sealed: bytes, nonce: bytes) -> bytes:
        cipher = self._cipher(nonce).decryptor()
        return bytes(cipher.update(sealed) + cipher.finalize())

    def _cipher(self, nonce: bytes) -> Any:
        # Here, because most stores have no secured terminal and this import is a slow one.
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        _, key, iv = self._material
        mixed = bytes(one ^ other for one, other in zip(iv, nonce, strict=True))
        return Cipher(algorithms.AES(key), modes.CBC(mixed))


@lru_cache(maxsize=8)  # as many terminals as a box has; a till dials in often, and each time takes 3 ms
def _derived(passphrase: str) -> tuple[bytes, bytes, bytes]:
    size = HMAC_BYTES + CIPHER_BYTES + BLOCK_BYTES
    # The library reads a passphrase as latin-1, and takes the low byte of anything else.
    said = bytes(ord(character) & 0xFF for character in passphrase)
    derived = hashlib.pbkdf2_hmac("sha1", said, SALT, ROUNDS, size)
    after = HMAC_BYTES + CIPHER_BYTES
    return derived[:HMAC_BYTES], derived[HMAC_BYTES:after], derived[after:]


def _bytes(text: Any) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
