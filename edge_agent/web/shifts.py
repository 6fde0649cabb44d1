"""交班 at the till's page: the sheet as it stands, the closed ones, on paper, and the end of a shift."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from edge_agent.health import Status
from edge_agent.shift import ShiftRefused, Shifts
from edge_agent.web import asked, render, words
from edge_agent.web.money import Html
from edge_agent.web.reasons import no_amount


class ShiftPages:
    """The handlers; built once by `app.build`."""

    def __init__(
        self, *, shifts: Shifts, status: Callable[[], Status], currency: str, lang: str, html: Html
    ) -> None:
        """`html` renders a template: (request, name, **context)."""
        self._shifts, self._status = shifts, status
        self._currency, self._lang, self._html = currency, lang, html

    def routes(self) -> list[Route]:
        return [
            Route("/till/shift", self.sheet),
            Route("/till/shift/close", self.close, methods=["POST"]),
        ]

    async def sheet(self, request: Request) -> Response:
        """The till's open shift, or `?number=` of a closed one."""
        till, number = asked.till_of(request), request.query_params.get("number", "")
        current = await self._shifts.current(till)
        shift = current
        if number.isascii() and number.isdigit() and int(number[:9]) < current.number:
            closed = await self._shifts.closed(till, int(number[:9]))
            if closed is None:
                text = words.translator(render.language(request, self._lang))
                return PlainTextResponse(text("This shift is no longer kept here."), 404)
            shift = closed
        return self._html(
            request,
            "shift.html",
            shift=shift,
            latest=current.number,
            till=till,
            currency=self._currency,
            status=self._status(),
        )

    async def close(self, request: Request) -> Response:
        _ = words.translator(render.language(request, self._lang))
        wanted = await asked.body(request, asked.CloseAsked)
        counted = None
        if wanted is not None and wanted.counted:
            counted = asked.amount_minor(wanted.counted, self._currency, least=0)
        lang = render.language(request, self._lang)
        if wanted is None or (wanted.counted and no_amount(counted, lang, self._currency)):
            return PlainTextResponse(no_amount(counted, lang, self._currency), 422)
        try:
            await self._shifts.close(wanted.till, wanted.number, cashier=wanted.cashier, counted=counted)
        except ShiftRefused as refusal:
            texts = {
                "gone": _("This shift is not the open one any more. Load the page again."),
                "disk_full": _("The box's disk is full. Call the technician."),
                "counted": _("This is no amount. Type it as 12.50."),
            }
            return PlainTextResponse(texts[refusal.reason], 409)
        return Response(status_code=204)
