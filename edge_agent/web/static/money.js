// Money at the till: one dialog, whose forms and answers come ready-made from the box.
//
// Each attempt has one number, made here before anything is asked and kept until its answer has been seen: pressed
// twice, sent again or after a reload it is the same question, and nothing is taken twice. The PIN is kept nowhere.
import { failed, post, show, toast } from "./page.js";

const KEYS = { F6: "pay", F7: "top", F8: "refund" };
const FORMS = { pay: "/till/money/pay", top: "/till/money/top", refund: "/till/money/payments" };
const LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"; // none that is taken for another
const PENDING = "attempt";

export function money({ till, sound, text }) {
  const dialog = document.getElementById("deed");
  const cashier = document.getElementById("cashier");
  let kind = ""; // of the form that is open; empty when none is, or an answer stands there
  let attempt = null; // {txn, body}: what has been asked, while its answer is not known
  let busy = false;

  cashier.value = localStorage.getItem("cashier") ?? "";
  cashier.addEventListener("change", () => localStorage.setItem("cashier", cashier.value));

  function fill(html) {
    show(dialog, html);
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

  async function open(wanted, amount = "") {
    try {
      const html = await fetched(FORMS[wanted], { till, amount });
      kind = wanted;
      attempt = null;
      fill(html);
    } catch (error) {
      said(error);
    }
  }

  // The same form for the card as it stands by now: what has been typed stays, and typing goes on.
  async function anew() {
    const form = kind;
    try {
      const html = await fetched(FORMS[form], { till });
      if (kind !== form || busy || attempt) return; // overtaken
      const fields = () => [...dialog.querySelectorAll("input.amount, input[name=receipt]")];
      const typed = fields().map((field) => [field.value, field === document.activeElement]);
      fill(html);
      fields().forEach((field, index) => {
        const [value, typing] = typed[index];
        field.value = value;
        if (typing) field.focus();
        field.setSelectionRange(value.length, value.length);
      });
    } catch (error) {
      said(error);
    }
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
    if (busy) return;
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
        const { amount } = attempt.body;
        attempt = null;
        sessionStorage.removeItem(PENDING);
        said(error);
        if (again) open(kind, amount); // a PIN belongs to what was asked, and that has ended
        else if (error.status === 409) anew(); // another card stands there, or none that may pay
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
      await post(form.dataset.pinPath, { till, pin: form.pin.value });
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
    if (digit !== undefined) key(digit);
    else if (amount !== undefined) dialog.querySelector(".amount").value = amount;
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
      open(KEYS[event.key], dialog.querySelector("input.amount:not([name=pin])")?.value ?? "");
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
      }
    },
    // Another card stands on the page: a form with an amount goes on with that one, an asked question does not.
    swiped() {
      if (!dialog.open || busy) return;
      const amount = attempt?.body.amount ?? dialog.querySelector("input.amount")?.value ?? "";
      if (attempt) {
        attempt = null;
        sessionStorage.removeItem(PENDING);
        toast(dialog.dataset.otherCard);
      }
      if (kind === "pay" || kind === "top") open(kind, amount);
    },
    // The card stands there otherwise by now: more is known of it, a receipt took it. An open form shows that.
    known(card) {
      if (busy || attempt || !["pay", "top"].includes(kind)) return;
      const at = "aside" in card.dataset ? "0" : card.dataset.at;
      if (dialog.querySelector("form.deed").dataset.at !== at || !dialog.querySelector("[data-purse]")) anew();
    },
  };
}

function number() {
  const letters = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => LETTERS[byte % LETTERS.length]);
  return `${letters.slice(0, 4).join("")}-${letters.slice(4, 8).join("")}-${letters.slice(8).join("")}`;
}
