"""A till that shows lines with pyposdisplay: {"do": "show", "path": …, "lines": [upper, lower]}."""

from __future__ import annotations

import json
import sys

from pyposdisplay import Driver

for line in sys.stdin:
    asked = json.loads(line)
    display = Driver(config={"customer_display_device_name": asked["path"]}, use_driver_name="bixolon")
    try:
        display.send_text(asked["lines"])
    except OSError as error:  # the line was cut
        print(json.dumps({"failed": str(error)}), flush=True)
    else:
        print("true", flush=True)
