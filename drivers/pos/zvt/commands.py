"""The control fields of ZVT: which message it is. (PA00P015, chapter 14)"""

from __future__ import annotations

REGISTRATION, AUTHORISATION, LOG_OFF, BALANCE = 0x0600, 0x0601, 0x0602, 0x0603
COMPLETION, ABORT, REPEAT_RECEIPT, REVERSAL, REFUND = 0x060F, 0x061E, 0x0620, 0x0630, 0x0631
END_OF_DAY, ABORT_ASKED, READ_CARD, STATUS_ENQUIRY = 0x0650, 0x06B0, 0x06C0, 0x0501
STATUS, INTERMEDIATE, GOOD, TOP_UP = 0x040F, 0x04FF, 0x8000, 0x0609
PRINT_LINE, PRINT_TEXT_BLOCK = 0x06D1, 0x06D3

NAMES: dict[int, str] = {
    0x0401: "set_date_time_ecr",
    0x040D: "input_request",
    0x040E: "menu_request",
    STATUS: "status_information",
    INTERMEDIATE: "intermediate_status",
    STATUS_ENQUIRY: "status_enquiry",
    REGISTRATION: "registration",
    AUTHORISATION: "authorisation",
    LOG_OFF: "log_off",
    BALANCE: "balance",
    0x0604: "activate_card",
    TOP_UP: "top_up",
    0x060C: "tip",
    COMPLETION: "completion",
    0x0610: "send_turnover_totals",
    0x0612: "reprint_receipts",
    0x0618: "reset_terminal",
    0x061A: "print_system_configuration",
    0x061B: "set_terminal_id",
    ABORT: "abort",
    REPEAT_RECEIPT: "repeat_receipt",
    0x0621: "telephonic_authorisation",
    0x0622: "pre_authorisation",
    0x0623: "partial_reversal",
    0x0624: "book_total",
    0x0625: "pre_authorisation_reversal",
    REVERSAL: "reversal",
    REFUND: "refund",
    END_OF_DAY: "end_of_day",
    0x0651: "send_offline_transactions",
    0x0670: "diagnosis",
    0x0679: "selftest",
    0x0685: "display_text_old",
    0x0691: "set_date_time",
    0x0693: "initialisation",
    0x0695: "change_password",
    ABORT_ASKED: "abort_request",
    READ_CARD: "read_card",
    0x06C5: "close_card_session",
    PRINT_LINE: "print_line",
    PRINT_TEXT_BLOCK: "print_text_block",
    0x06E0: "display_text",
    0x06E1: "display_text_keys",
    0x06E2: "display_text_input",
    0x0801: "service_mode",
    0x0802: "switch_protocol",
    0x0810: "software_update",
    0x0811: "read_file",
    0x0814: "write_file",
    0x0830: "select_language",
    0x0840: "change_baudrate",
    0x0850: "activate_card_reader",
    GOOD: "positive_completion",
}


def name_of(control: int) -> str:
    """``registration``; ``negative_completion`` for 84 xx; ``06_7f`` for what nobody named."""
    if control >> 8 == 0x84:
        return "positive_completion" if control == 0x8400 else "negative_completion"
    return NAMES.get(control, f"{control >> 8:02x}_{control & 0xFF:02x}")
