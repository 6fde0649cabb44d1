"""The form of a programme: what most shops set, in the currency's own decimals; the rest as JSON."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from central_server.errors import Invalid
from central_server.ledger.cards.programmes import Programme
from central_server.ledger.cards.rules import Bonus, Rules, checked_rules
from central_server.web.text import N_
from sync.contract.errors import BadId
from sync.contract.money import format_minor, parse_minor

AMOUNTS: Final = ("face", "load_max", "balance_max", "top_max", "pay_max", "day_max")
_NUMBERS: Final = ("day_count", "pending_days", "pay_per_unit")
_FLAGS: Final = ("registered", "reload", "bonus_first")
_IN_FORM: Final = {
    *AMOUNTS, *_NUMBERS, *_FLAGS, "kind", "unit", "zh", "en", "holder", "pin_above", "valid_months",
    "numbers", "bonus", "refunds",
}  # fmt: skip
MORE_MAX: Final = 20_000


class ProgrammeForm(BaseModel):
    """The form; amounts are decimals of the unit."""

    id: str = Field(max_length=32, pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    version: int | None = None
    kind: Literal["value", "points", "coupon"] = "value"
    unit: str = Field(default="CNY", pattern=r"^[A-Z]{3}$")
    zh: str = Field(min_length=1, max_length=64)
    en: str = Field(min_length=1, max_length=64)
    holder: Literal["card", "member"] = "card"
    registered: bool = False
    reload: bool = False
    bonus_first: bool = False
    refunds_allowed: bool = False
    prefix: str = Field(default="", max_length=12, pattern=r"^[0-9]*$")
    digits: int = Field(default=16, ge=14, le=19)
    face: str = Field(default="0", max_length=20)
    load_max: str = Field(default="0", max_length=20)
    balance_max: str = Field(default="0", max_length=20)
    top_max: str = Field(default="0", max_length=20)
    pay_max: str = Field(default="0", max_length=20)
    day_max: str = Field(default="0", max_length=20)
    pin_above: str = Field(default="", max_length=20)
    refund_fee: str = Field(default="0", max_length=20)
    day_count: int = Field(default=0, ge=0, le=10_000)
    valid_months: int | None = Field(default=None, ge=1, le=1_200)
    pending_days: int = Field(default=0, ge=0, le=366)
    pay_per_unit: int = Field(default=0, ge=0, le=2**53)
    bonus: str = Field(default="", max_length=600)  # one step a line: "500 50" or "500 10%"
    more: str = Field(default="", max_length=MORE_MAX)

    def rules(self) -> Rules:
        """The rules that the form says. Raises Invalid, by the form's own fields."""
        wrong: dict[str, str] = {}
        given = self._more(wrong)
        given |= {
            name: getattr(self, name) for name in (*_NUMBERS, *_FLAGS, "kind", "unit", "zh", "en", "holder")
        }
        given |= {name: self._minor(name, getattr(self, name), wrong) for name in AMOUNTS}
        given["pin_above"] = self._minor("pin_above", self.pin_above, wrong) if self.pin_above else None
        given["valid_months"] = self.valid_months
        given["numbers"] = {"prefix": self.prefix, "digits": self.digits} if self.prefix else None
        given["bonus"] = self._bonus(wrong)
        fee = self._minor("refund_fee", self.refund_fee, wrong)
        given["refunds"] = {**given.get("refunds", {}), "allowed": self.refunds_allowed, "fee": fee}
        if wrong:
            raise Invalid(wrong)
        try:
            return checked_rules(given)
        except Invalid as error:
            fields = {_field_of(place): why for place, why in error.fields.items()}
            raise Invalid(fields, error.msgid) from error

    def _minor(self, name: str, text: str, wrong: dict[str, str], unit: str = "") -> int:
        try:
            return max(parse_minor(text, unit or self.unit), 0)
        except BadId:
            wrong[name] = N_("is no amount")
            return 0

    def _bonus(self, wrong: dict[str, str]) -> list[dict[str, int]]:
        steps = []
        for line in filter(None, map(str.strip, self.bonus.splitlines())):
            parts = line.split()
            if len(parts) != 2:
                wrong["bonus"] = N_("one step a line: from which top-up, and how much")
                return []
            step = {"from_amount": self._minor("bonus", parts[0], wrong)}
            if parts[1].endswith("%"):
                step["share_bp"] = self._minor("bonus", parts[1][:-1], wrong, unit="CNY")  # 12.5 % is 1250
            else:
                step["amount"] = self._minor("bonus", parts[1], wrong)
            steps.append(step)
        return steps

    def _more(self, wrong: dict[str, str]) -> dict[str, Any]:
        try:
            given = json.loads(self.more) if self.more.strip() else {}
        except ValueError:
            given = None
        if not isinstance(given, dict):
            wrong["more"] = N_("is no JSON object")
            return {}
        return given


def shown(programme: Programme) -> dict[str, Any]:
    """What stands in the form of that programme."""
    rules = programme.rules
    values = rules.model_dump(mode="json")
    return {
        **{name: values[name] for name in (*_NUMBERS, *_FLAGS, "kind", "unit", "zh", "en", "holder")},
        **{name: format_minor(values[name], rules.unit) for name in AMOUNTS},
        "id": programme.id,
        "version": programme.version,
        "prefix": rules.numbers.prefix if rules.numbers else "",
        "digits": rules.numbers.digits if rules.numbers else 16,
        "pin_above": "" if rules.pin_above is None else format_minor(rules.pin_above, rules.unit),
        "valid_months": rules.valid_months or "",
        "refunds_allowed": rules.refunds.allowed,
        "refund_fee": format_minor(rules.refunds.fee, rules.unit),
        "bonus": "\n".join(_step(step, rules.unit) for step in rules.bonus),
        "more": _more_of(rules),
    }


def _more_of(rules: Rules) -> str:
    """What the form has no field for, as far as it is not as it is by itself."""
    kept = rules.model_dump(mode="json", exclude_defaults=True)
    kept = {name: value for name, value in kept.items() if name not in _IN_FORM}
    return json.dumps(kept, ensure_ascii=False, indent=1) if kept else ""


def _step(step: Bonus, unit: str) -> str:
    gives = f"{step.share_bp / 100:g}%" if step.share_bp else format_minor(step.amount, unit)
    return f"{format_minor(step.from_amount, unit)} {gives}"


def _field_of(place: str) -> str:
    head = place.partition(".")[0]
    if place.startswith("numbers."):
        return "prefix"
    return head if head in ProgrammeForm.model_fields else "more" if head not in ("rules", "") else ""
