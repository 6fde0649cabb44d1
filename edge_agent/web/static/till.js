// The cashier's page: who swiped, find by card or telephone, quick join, money.
import { money } from "./money.js";
import { failed, post, show, toast } from "./page.js";

const $ = (id) => document.getElementById(id);
const till = document.querySelector("main").dataset.till;
const sounds = Object.fromEntries(["ok", "attention", "refused"].map((name) => [name, new Audio(`/static/${name}.wav`)]));
let loud = localStorage.getItem("sound") !== "off";

function sound(name) {
  if (loud && sounds[name]) {
    sounds[name].currentTime = 0;
    sounds[name].play().catch(() => {}); // a browser plays only after the first key or touch
  }
}

const deeds = money({ till, sound, text: $("text") });
const events = new EventSource(`/till/events?till=${encodeURIComponent(till)}`);
events.addEventListener("swipe", (event) => {
  show($("swipe"), event.data);
  sound($("swipe").firstElementChild.dataset.sound);
  deeds.swiped();
});
events.addEventListener("card", (event) => {
  show($("swipe"), event.data); // the same card: no sound
  deeds.known($("swipe").firstElementChild);
});
events.addEventListener("wanted", (event) => {
  show($("wanted"), event.data);
  deeds.wanted($("wanted"));
});
events.addEventListener("recent", (event) => show($("recent"), event.data));
events.addEventListener("badge", (event) => show($("badge"), event.data));
events.addEventListener("error", failed);

$("lookup").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value;
  $("text").value = "";
  if (!text.trim()) return;
  try {
    await post("/till/lookup", { till, text });
  } catch (error) {
    toast(error.message);
    sound("refused");
  }
});

$("join").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const { name, phone, card } = Object.fromEntries(new FormData(form));
  const button = form.querySelector("button");
  if (button.disabled) return;
  button.disabled = true; // a second click would join them again, and be told that they are known
  try {
    await post("/till/join", { till, name, phone, card, consent: form.consent.checked });
    form.reset();
    $("join").open = false;
    $("text").focus();
  } catch (error) {
    toast(error.message);
    sound("refused");
  } finally {
    button.disabled = false;
  }
});

function setSound(on) {
  loud = on;
  localStorage.setItem("sound", on ? "on" : "off");
  $("sound").setAttribute("aria-pressed", String(on));
}
setSound(loud);
$("sound").addEventListener("click", () => setSound(!loud));

document.addEventListener("keydown", (event) => {
  if (event.key === "F2" || event.key === "Escape") {
    event.preventDefault();
    $("text").value = "";
    $("text").focus();
  } else if (event.key === "F4") {
    event.preventDefault();
    $("join").open = true;
    $("join").querySelector("input").focus();
  } else if (event.key === "F9") {
    event.preventDefault();
    setSound(!loud);
  } else if (event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey
             && !event.target.closest("input, textarea")) {
    $("text").focus(); // a wedge reader types wherever the focus happens to be
  }
});

$("wanted").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && "never" in button.dataset) {
    const number = Number(button.closest("[data-number]").dataset.number);
    post("/till/pin", { till, number, pin: "" }).catch((error) => toast(error.message));
  } else if (button) deeds.wanted($("wanted"));
});
deeds.wanted($("wanted"));

const { lang } = document.documentElement;
const timeZone = document.querySelector("main").dataset.zone || undefined; // none said: the browser's
const tick = () => { $("clock").textContent = new Date().toLocaleTimeString(lang, { hourCycle: "h23", timeZone }); };
tick();
setInterval(tick, 1000);
