"""A till that prints with python-escpos on the serial line it is given: {"do": "print", …}."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from escpos.printer import Dummy, Serial
from PIL import Image


def main() -> None:
    printers: dict[str, Any] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        do = asked.pop("do")
        with contextlib.redirect_stdout(sys.stderr):  # the library speaks
            if do == "open":
                printers["line"] = Serial(asked["path"], baudrate=9600, timeout=1, dsrdtr=asked["dsrdtr"])
                said: Any = True
            elif do == "ask":
                said = {"online": printers["line"].is_online(), "paper": printers["line"].paper_status()}
            else:
                said = _printed(printers.get("line"), **asked)
        print(json.dumps(said), flush=True)


def _printed(line: Any, lines: list[str], width: int = 42, picture: bool = False) -> Any:
    """The job, on the line or, without one, as hex."""
    printer = line or Dummy()
    try:
        printer.hw("INIT")
        printer.set(align="center", double_width=True, double_height=True, bold=True)
        printer.textln(lines[0])
        printer.set_with_default()
        if picture:
            printer.image(Image.new("1", (384, 200), 0), impl="bitImageRaster", center=False)
        for text in lines[1:]:
            printer.textln(text)
        printer.barcode("4006381333931", "EAN13", 64, 2, "", "", check=True)
        printer.qr("https://example.test/r/000412", native=True)
        printer.cashdraw(2)
        printer.cut()
    except OSError as error:  # the line was cut
        return {"failed": str(error)}
    return printer.output.hex() if line is None else True


main()
