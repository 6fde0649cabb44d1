// The sheet of a shift: on paper, and the end of it.
import { failed, post, toast } from "./page.js";

const main = document.querySelector("main");
const till = main.dataset.till;
const form = document.getElementById("close");
const cashier = form?.querySelector("[name=cashier]");
if (cashier) cashier.value = localStorage.getItem("cashier") ?? "";

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  if (button.disabled) return;
  button.disabled = true;
  const { cashier, counted } = Object.fromEntries(new FormData(form));
  const number = Number(main.dataset.number);
  try {
    await post("/till/shift/close", { till, number, cashier, counted });
    location.assign(`/till/shift?${new URLSearchParams({ till, number })}`);
  } catch (error) {
    if (error instanceof TypeError) failed();
    else toast(error.message);
    button.disabled = false;
  }
});

document.getElementById("print").addEventListener("click", () => print());
document.addEventListener("keydown", (event) => {
  if (event.key === "F3") {
    event.preventDefault();
    print();
  } else if (event.key === "Escape") {
    location.assign(`/till?${new URLSearchParams({ till })}`);
  }
});
