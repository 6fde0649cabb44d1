// Money at the till: one dialog, whose forms and answers come ready-made from the box.
//
// Each attempt has one number, made here before anything is asked and kept until its answer has been seen: pressed
// twice, sent again or after a reload it is the same question, and nothing is taken twice. The PIN is kept nowhere.
import { typingAhead } from "./ahead.js";
import { failed, post, show, toast } from "./page.js";
import { stillness } from "./still.js";

const KEYS = { F6: "pay", F7: "top", F8: "refund" };
const FORMS = { pay: "/till/money/pay", top: "/till/money/top", refund: "/till/money/payments" };
const LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"; // none that is taken for another
const PENDING = "attempt";
const CARDS = ["pay", "top"]; // these forms are for the card that stands there

export function money({ till, sound, text }) {
  const dialog = document.getElementById("deed");
  const cashier = document.getElementById("cashier");
  let kind = ""; // of the form that is open; empty when none is, or an answer stands there
  let attempt = null; // {txn, body}: what has been asked, while its answer is not known
  let busy = false;
  let opened = "0"; // the moment at which the card was shown that the form was opened for; 0: none was
  let turns = 0; // forms asked for: only the last one is put in

  const ahead = typingAhead();
  const hands = stillness({
    changed: (waiting) => dialog.classList.toggle("still", waiting),
    dropped: (key) => {
      toast(dialog.dataset.still);
      if (key === "Enter") sound("refused");
    },
  });

  cashier.value = localStorage.getItem("cashier") ?? "";
  cashier.addEventListener("change", () => localStorage.setItem("cashier", cashier.value));

  function fill(html) {
    const pin = dialog.querySelector("input[name=pin]");
    show(dialog, html);
    if (pin && dialog.querySelector("input:not([name=pin])")) hands.wait(true); // no field is in clear for a PIN
    if (!dialog.open) dialog.showModal();
    const focus = dialog.querySelector("[autofocus]:not([disabled])") ?? dialog.querySelector("button");
    focus?.focus();
    if (focus?.select) focus.select();
  }

  async function fetched(path, asked) {
    const answer = await fetch(`${path}?${new URLSearchParams(asked)}`);
    const html = await answer.text();
    if (!answer.ok) throw new Error(html);
    return html;
  }

  // A form that somebody asks for is for the card that stands there now.
  async function open(wanted, amount = "") {
    const turn = ++turns;
    if (!dialog.open) ahead.hold(); // a form that stands takes the digits itself, and they are carried over
    try {
      const html = await fetched(FORMS[wanted], { till, amount });
      if (turn !== turns || busy) return; // overtaken
      const before = attempt?.body;
      kind = wanted;
      attempt = null;
      put(html, before);
      const [typed, field] = [ahead.release(), dialog.querySelector("input.amount")];
      if (typed && field) field.value = typed.slice(0, field.maxLength);
      opened = dialog.querySelector("form[data-at]")?.dataset.at ?? "0";
    } catch (error) {
      ahead.release();
      said(error);
    }
  }

  // The same form for the card as it stands by now. `asked`: what had been asked when that came to nothing.
  async function anew(asked) {
    const form = kind;
    if (!CARDS.includes(form)) return;
    const turn = ++turns;
    try {
      const html = await fetched(FORMS[form], { till, was: opened });
      if (turn !== turns || kind !== form || busy) return; // overtaken
      const place = document.createElement("template");
      show(place, html);
      const { at, other } = place.content.querySelector("form").dataset;
      if (attempt && other === undefined && at !== "0") {
        attempt.body.at = Number(at); // the same card once more: what was asked goes on
        const standing = dialog.querySelector("form[data-at]");
        if (standing) standing.dataset.at = at;
        return;
      }
      const before = asked ?? attempt?.body;
      if (attempt) {
        attempt = null;
        sessionStorage.removeItem(PENDING);
        toast(dialog.dataset.otherCard);
      }
      const stood = dialog.querySelector("form[data-at]")?.dataset.at;
      put(html, before, other === undefined);
      if (other !== undefined && at !== stood) {
        hands.wait(false);
        sound("attention");
      } else if (opened === "0") {
        opened = at;
      }
    } catch (error) {
      said(error);
    }
  }

  // A form in the place of another, for the same card or not: what has been typed by now stays, and typing goes on.
  function put(html, asked, same = false) {
    const standing = dialog.querySelector("form[data-at]");
    const before = standing ? Object.fromEntries(new FormData(standing)) : asked ?? {};
    const { name, selectionStart, selectionEnd } = standing?.contains(document.activeElement) ? document.activeElement : {};
    fill(html);
    for (const field of dialog.querySelectorAll("form[data-at] input")) {
      if (field.type === "checkbox") field.checked = same && Boolean(before[field.name]);
      else if (field.type === "radio") field.checked = same && before.purse ? field.value === before.purse : field.checked;
      else if (field.name in before) field.value = before[field.name];
      if (name && field.name === name && field.type === "text") {
        field.focus();
        field.setSelectionRange(selectionStart, selectionEnd);
      }
    }
    if (!name) dialog.querySelector("input.amount")?.select();
  }

  function close() {
    if (busy) return; // its answer is under way
    kind = "";
    attempt = null;
    sessionStorage.removeItem(PENDING);
    dialog.close();
    dialog.replaceChildren();
    text.blur(); // the closed dialog gives it the focus back, but in Chromium not what is typed
    text.focus();
  }

  function said(error) {
    if (error instanceof TypeError) failed();
    else toast(error.message);
    sound("refused");
  }

  async function ask(form) {
    if (busy || !hands.takes("Enter")) return;
    const { path, at } = form.dataset;
    const fields = Object.fromEntries(new FormData(form));
    for (const box of form.querySelectorAll("input[type=checkbox]")) fields[box.name] = box.checked;
    const again = "again" in form.dataset; // only the PIN is new
    attempt ??= { txn: number(), body: {} };
    if (!again) {
      attempt.body = { till, txn: attempt.txn, cashier: cashier.value, ...fields };
      if (at !== undefined) attempt.body.at = Number(at);
      attempt.path = path;
    }
    sessionStorage.setItem(PENDING, attempt.txn);
    busy = true;
    dialog.classList.add("busy");
    try {
      const html = await post(attempt.path, again ? { ...attempt.body, ...fields } : attempt.body);
      busy = false;
      answered(html);
    } catch (error) {
      busy = false;
      if (error instanceof TypeError || error.status >= 500) {
        toast(dialog.dataset.again); // perhaps it was done: the same number is asked again
        sound("refused");
      } else {
        const asked = attempt.body;
        attempt = null;
        sessionStorage.removeItem(PENDING);
        said(error);
        // Another card stands there, or none that may pay. A PIN belongs to what was asked, and that has ended.
        if (again || error.status === 409) anew(asked);
      }
    } finally {
      dialog.classList.remove("busy");
    }
  }

  // For a payment terminal that waits: nothing of ours is asked, and nothing to be repeated.
  async function give(form) {
    if (busy) return;
    busy = true;
    try {
      await post(form.dataset.pinPath, { till, number: Number(form.dataset.number), pin: form.pin.value });
    } catch (error) {
      said(error);
    } finally {
      busy = false;
      close();
    }
  }

  function answered(html) {
    fill(html);
    const answer = dialog.firstElementChild;
    sound(answer.dataset.sound);
    if (answer.dataset.outcome === undefined) return; // the PIN is asked for
    sessionStorage.removeItem(PENDING);
    dialog.dataset.amount = attempt?.body.amount ?? "";
    kind = "";
    attempt = null;
  }

  dialog.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (form.dataset.path) ask(form);
    else if (form.dataset.pinPath) give(form);
    else if (form.dataset.find) {
      try {
        fill(await fetched(form.dataset.find.replace("/till/", "/till/money/"), { till, receipt: form.receipt.value }));
      } catch (error) {
        said(error);
      }
    }
  });

  dialog.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { digit, amount, refund, deed } = button.dataset;
    if (digit !== undefined) {
      if (hands.takes(digit)) key(digit);
    } else if (amount !== undefined) dialog.querySelector(".amount").value = amount;
    else if (deed !== undefined) open(deed, dialog.dataset.amount);
    else if ("print" in button.dataset) print();
    else if ("close" in button.dataset) close();
    else if (refund !== undefined) {
      try {
        const html = await fetched("/till/money/refund", refund);
        kind = "refund";
        attempt = null;
        fill(html);
      } catch (error) {
        said(error);
      }
    }
  });

  function key(digit) {
    const field = dialog.querySelector(".amount");
    const chosen = field.selectionStart === 0 && field.selectionEnd === field.value.length;
    if (digit === "back") field.value = chosen ? "" : field.value.slice(0, -1);
    else field.value = ((chosen ? "" : field.value) + digit).slice(0, field.maxLength);
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }

  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the page's own keys rest while the dialog is open
    if (event.key === "Escape") {
      event.preventDefault();
      close();
    } else if (event.key in KEYS && !busy) {
      event.preventDefault();
      open(KEYS[event.key]);
    } else if (/^F\d/.test(event.key)) {
      event.preventDefault();
    } else if (";%".includes(event.key) && !busy) {
      close(); // a card in the keyboard's reader: the line goes where cards go
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key in KEYS) {
      event.preventDefault();
      open(KEYS[event.key]);
    } else if (event.key === "F10") {
      event.preventDefault();
      location.assign(document.getElementById("shift").href);
    }
  });
  document.querySelector("nav.deeds").addEventListener("click", (event) => {
    const button = event.target.closest("[data-deed]");
    if (button) open(button.dataset.deed);
  });

  // After a reload: what came of the attempt whose answer nobody saw.
  const pending = sessionStorage.getItem(PENDING);
  if (pending) {
    post("/till/told", { till, txn: pending }).then((html) => {
      sessionStorage.removeItem(PENDING);
      if (html) answered(html);
    }).catch(said);
  }

  return {
    // A payment terminal waits for a PIN, or does not any more.
    wanted(place) {
      const form = place.querySelector("template");
      const typed = dialog.querySelector("[data-pin-path]");
      if (form && !busy && (!dialog.open || typed)) {
        fill(form.innerHTML);
        sound("attention");
      } else if (!form && typed) {
        close();
        hands.wait(true); // it may be typed just now
      }
    },
    // A card was shown: an open form goes on with that one, and so does a question if it is the same card again.
    swiped() {
      if (dialog.open && !busy) anew();
    },
    // The card stands there otherwise by now: more is known of it, a receipt took it. An open form shows that.
    known(card) {
      if (busy || attempt || !CARDS.includes(kind)) return;
      const at = "aside" in card.dataset ? "0" : card.dataset.at;
      if (dialog.querySelector("form.deed").dataset.at !== at || !dialog.querySelector("[data-purse]")) anew();
    },
  };
}

function number() {
  const letters = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => LETTERS[byte % LETTERS.length]);
  return `${letters.slice(0, 4).join("")}-${letters.slice(4, 8).join("")}-${letters.slice(8).join("")}`;
}
