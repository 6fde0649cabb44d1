"""What an alarm of a box is called on head office's pages; docs/operating says what to do about each."""

from __future__ import annotations

from typing import Final

from central_server.web.text import N_

ALARMS: Final = {
    "disk_full": N_("The disk is full"),
    "lane_stuck": N_("Nothing has been confirmed for long"),
    "clock_jumped": N_("The clock jumped"),
    "settings_refused": N_("New settings were refused"),
    "pages_closed": N_("The box's pages cannot be opened"),
    "database_replaced": N_("The database was damaged and replaced"),
    "epoch_fenced": N_("The disk was put back in time"),
    "leases_doubtful": N_("Leases are in doubt, for the disk was put back"),
    "anchor_broken": N_("The anchor cannot be written: cards cannot pay"),
    "lease_forged": N_("Somebody sent a lease that head office did not make"),
    "camera_down": N_("A camera gives no picture"),
    "camera_frozen": N_("A camera's picture stands still"),
    "camera_dark": N_("A camera sees nothing: it is dark"),
    "camera_covered": N_("A camera is covered"),
    "camera_moved": N_("A camera looks elsewhere"),
    "camera_flooded": N_("A camera's whole picture changes at once"),
    "camera_late": N_("A camera's pictures come faster than the box can count"),
}
