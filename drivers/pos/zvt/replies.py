"""An outcome of the engine in ZVT's words: the 04 0F that tells it, and the message that ends the command."""

from __future__ import annotations

from drivers.pos.conversations import Outcome, shown
from drivers.pos.zvt import answers, results
from drivers.pos.zvt.options import ZvtOptions
from drivers.pos.zvt.requests import Request
from sync.contract.questions import Balance
from sync.contract.terminal import CardThere, Day, TxnTold


def reply_to(request: Request, outcome: Outcome, options: ZvtOptions) -> tuple[bytes, bytes]:
    """(04 0F, 06 0F or 06 1E); either is empty where there is none."""
    if not outcome.good:
        code = results.of(outcome.reason)
        end = answers.abort(code)
        # Reading a card, and looking up what never was, have no result of their own.
        with_status = outcome.kind not in ("card", "lookup")
        return answers.status(code, terminal_id=options.terminal_id) if with_status else b"", end
    match outcome.told:
        case Balance() as balance:
            status = answers.balance(_worth(balance, options.currency), options.terminal_id, request.currency)
        case Day() as day:
            status = answers.sums(day, request.currency)
        case CardThere(card=token, member=member):
            return answers.card((member or token).upper()), b""
        case TxnTold(state=state) if outcome.kind == "lookup":
            code = {"undone": results.ALREADY_REVERSED, "held": results.ABORTED}.get(state, results.OK)
            status = answers.status(code, _moved(request, outcome, options)) if request.wants_status else b""
        case _:
            status = answers.status(results.OK, _moved(request, outcome, options))
    return status, answers.completion()


def _moved(request: Request, outcome: Outcome, options: ZvtOptions) -> answers.Moved:
    return answers.Moved(
        amount_minor=outcome.amount_minor,
        receipt=shown(options.habits(), outcome.count),
        trace=outcome.count,
        terminal_id=options.terminal_id,
        card_name=options.card_name,
        currency=request.currency,
        unique=request.unique,
    )


def _worth(balance: Balance, currency: str) -> int:
    """What is on the card in that currency; of a purse that was never told, what stands ready here."""
    purses = [each for each in balance.purses if each.kind == "value" and each.unit == currency]
    return sum(each.ready if each.balance is None else each.balance for each in purses)
