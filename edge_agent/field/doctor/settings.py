"""Whether the settings are right, and whether the box knows who it is."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator

from config.mistakes import SettingsUnreadable
from edge_agent.errors import NotEnrolled
from edge_agent.field.doctor.box import AS_ROOT, SERVICE_USER, Box
from edge_agent.field.doctor.findings import Finding, bad, ok, warn
from edge_agent.field.words import _
from edge_agent.identity import FILE_NAME

_SHOWN_MAX = 5


def settings(box: Box) -> Iterator[Finding]:
    """The check of `config check`, and what its file says."""
    path = shlex.quote(str(box.settings_path))
    if isinstance(box.refused, SettingsUnreadable):
        mend = f"echo 'centre: {{url: https://crm.example.com}}' | sudo tee {path}"
        if box.settings_path.exists():
            mend = f"sudo chmod a+r {path}"
        yield bad("{why}", mend, why=box.refused)
    elif box.refused:
        lines = str(box.refused).splitlines()
        for line in lines[:_SHOWN_MAX]:
            yield bad("{line}", f"sudoedit {path}", line=line)
        if len(lines) > _SHOWN_MAX:
            more = len(lines) - _SHOWN_MAX
            yield bad(_("and {count} more"), f"tillbeam-edge config check {path}", count=more)
    else:
        count = len(box.settings.devices)
        yield ok(_("{file} is right; devices: {count}"), file=box.settings_path, count=count)


def enrolled(box: Box) -> Iterator[Finding]:
    """The file that enrolment wrote."""
    path = box.settings.state_dir / FILE_NAME
    config = shlex.quote(str(box.settings_path))
    enrol = f"sudo -u {SERVICE_USER} tillbeam-edge enrol --code CODE --config {config}"
    if isinstance(box.identity_error, NotEnrolled):
        yield bad(_("this box is no store yet; head office gives a code"), enrol)
        return
    if box.identity is None:
        if box.denied:
            yield warn("{why}", AS_ROOT, why=box.identity_error)
        else:
            yield bad("{why}", enrol, why=box.identity_error)
        return
    if box.settings.store and box.settings.store != box.identity.store:
        says = _("the settings are for store {wanted}, but the box is enrolled as {store}")
        yield bad(says, enrol, wanted=box.settings.store, store=box.identity.store)
    else:
        yield ok(_("store {store}"), store=box.identity.store)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield bad(
            _("others may read the store's keys ({mode})"), f"sudo chmod 600 {path}", mode=f"{mode:04o}"
        )
