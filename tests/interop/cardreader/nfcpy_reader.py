"""nfcpy as a reader: {"do": "read", "device": "ttyTB1"} → {"uid": …, "product": …}, or {"error": …}.

Run by test_nfcpy.py in a process of its own: the library blocks and leaves files open.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import nfc
import nfc.clf


def read(device: str) -> dict[str, Any]:
    clf = nfc.ContactlessFrontend()
    try:
        if not clf.open(f"tty:{device}:pn532"):
            return {"error": "not found"}
        found = clf.sense(
            nfc.clf.RemoteTarget("106A"), nfc.clf.RemoteTarget("212F"), nfc.clf.RemoteTarget("106B")
        )
        if found is None:
            return {"chip": str(clf.device), "uid": None}
        tag = nfc.tag.activate(clf, found)
        told = {"chip": str(clf.device), "uid": (found.sdd_res or found.sensf_res[1:9]).hex()}
        return told | {"type": tag.type if tag else None}
    finally:
        clf.close()


for line in sys.stdin:
    try:
        said = read(json.loads(line)["device"])
    except Exception as error:  # noqa: BLE001 - a library's own: OSError, Chipset.Error, IndexError …
        said = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), flush=True)
