"""What may happen next in a walk, and how often: tills, lines, head office, and trouble.

Uniform chance finds little: a payment needs a lease, a lease needs a line, a fight over the same money needs
both and then no line. So steps have weights, and every walk changes them by its own taste (`walk.py`).
"""

from __future__ import annotations

from tests.corridor.money import desk, lines, tills, trouble
from tests.corridor.money.step import Step

STEPS = [
    Step("present and pay", 10, tills.present_and_pay, always=True),
    Step("pay", 5, tills.pay),
    Step("present", 4, tills.present),
    Step("top up", 4, tills.top_up),
    Step("refund", 4, tills.refund),
    Step("undo", 1.5, tills.undo),
    Step("ask again", 4, tills.ask_again),
    Step("at once", 3, tills.at_once),
    Step("tick", 3, tills.tick),
    Step("cut", 3, lines.cut),
    Step("mend", 3.5, lines.mend, always=True),
    Step("say", 3, lines.say),
    Step("go up", 5, lines.go_up, always=True),
    Step("tell", 2, lines.tell),
    Step("go down", 5, lines.go_down, always=True),
    Step("lose", 1, lines.lose),
    Step("echo", 3, lines.echo),
    Step("forge", 0.3, lines.forge),
    Step("pay in", 1, desk.pay_in),
    Step("hand out", 2, desk.hand_out),
    Step("end hold", 2, desk.end_hold),
    Step("expire holds", 0.5, desk.expire_holds),
    Step("recall", 2, desk.want_back),
    Step("declare loss", 2.5, desk.say_lost),
    Step("give up store", 0.4, desk.give_up_store),
    Step("stop store", 0.5, desk.stop_store),
    Step("look into", 0.5, desk.look_into),
    Step("cut power", 4, trouble.cut_power),
    Step("kill", 1, trouble.kill),
    Step("start", 6, trouble.start, always=True),
    Step("copy disk", 1.5, trouble.copy_disk),
    Step("put back", 1.5, trouble.put_back),
    Step("lose disk", 0.8, trouble.lose_disk),
    Step("kill office", 3, trouble.kill_office),
    Step("time passes", 3, trouble.time_passes),
    Step("set clock", 1, trouble.set_clock),
]
