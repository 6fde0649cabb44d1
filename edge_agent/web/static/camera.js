// The technician's page of a camera: the picture as it comes, what is drawn over it, saving, and taking back.
import { Drawn, filled } from "./drawn.js";
import { asked, paint } from "./frames.js";
import { Lists } from "./lists.js";
import { failed, hush, post, toast } from "./page.js";
import { recounted, tally, tried } from "./recounted.js";
import { Replay } from "./replay.js";
import { drawingOf, freshName, MOST, parts, shapesOf } from "./shapes.js";

const TRY_EVERY_MS = 2000; // how often a drawing that is not saved is counted anew, at most …
const TRY_SHARE = 0.1; // … and of the worker's time: nobody is counted meanwhile
const AGAIN_MS = 1000; // after an answer without a picture
const SLOW_MS = 5000; // with nobody looking

const byId = (id) => document.getElementById(id);
const read = (id) => JSON.parse(byId(id).textContent);
const words = read("words");
const path = `/edge/camera/${document.querySelector("main").dataset.name}`;
const picture = byId("picture");
const anchor = byId("anchor");
const fingers = matchMedia("(pointer: coarse)");

let stands = read("stands"); // what the settings file has
let worker = null; // who answers: after a save it is another one, with another clock
let sinceS = null; // of the worker's clock: when the drawing changed, or counting began from zero
let nowS = 0; // of the worker's clock
let pictureAt = null; // none has come
let learned = []; // sizes of people, far and near, as the worker has learned them

const drawing = () => drawingOf(drawn.shapes, anchor.value);
const plain = (one) => JSON.stringify(one);
const same = () => plain(drawing()) === plain(drawingOf(shapesOf(stands.drawing), stands.drawing.anchor));

const drawn = new Drawn(byId("drawn"), words, {
  changed(shape) {
    if (shape?.kind !== "zone") anew();
    if (byId("came").className === "good") byId("came").textContent = ""; // it was of the drawing before
    marks();
    replay.redrawn();
  },
  listed() {
    lists.build();
  },
  chose() {
    lists.mark();
  },
  made(shape) {
    if (drawn.shapes.filter(({ kind }) => kind === shape.kind).length >= MOST[shape.kind]) {
      toast(words.full);
      return false;
    }
    if (shape.kind in words.fresh) shape.name = freshName(drawn.shapes, shape.kind, words.fresh[shape.kind]);
    return true;
  },
  armed(tool) {
    for (const button of document.querySelectorAll("[data-draw]")) button.setAttribute("aria-pressed", button.dataset.draw === tool);
    byId("how").textContent = byId("how").dataset[tool || (fingers.matches ? "touch" : "idle")];
  },
});
const lists = new Lists(drawn, words, () => { marks(); replay.redrawn(); });
const replay = new Replay({ path, drawn, picture, words, drawing });

// A line has counted nobody yet since it, or what is looked at, was changed.
function anew() {
  sinceS = nowS;
  for (const { name } of drawn.shapes) lists.count(name, [0, 0]);
}

function marks() {
  const clean = same();
  byId("saved").textContent = clean ? words.saved : words.unsaved;
  byId("save").disabled = clean || !stands.revision;
  byId("discard").disabled = clean;
  byId("undo").disabled = !stands.undo || !clean;
  byId("trying").hidden = clean;
  byId("counting").hidden = !clean;
}

function stand(now) {
  stands = { ...stands, ...now };
  anchor.value = stands.drawing.anchor;
  drawn.show(shapesOf(stands.drawing));
  marks();
  replay.redrawn();
}

// What it sees

const counted = { base: new Map(), last: new Map() }; // in and out over each line: at the page's zero, and now

function countUp(totals) {
  for (const [name, now] of Object.entries(totals ?? {})) {
    const last = counted.last.get(name) ?? now;
    const base = counted.base.get(name) ?? now;
    // A worker that began anew begins at nothing; what was counted before stays.
    counted.base.set(name, base.map((one, way) => (now[way] < last[way] ? one - last[way] : one)));
    counted.last.set(name, now);
  }
  if (!same()) return;
  for (const [name, now] of counted.last) lists.count(name, now.map((one, way) => one - counted.base.get(name)[way]));
}

function zero() {
  counted.base = new Map(counted.last);
  anew();
}

const flashed = new Set();

function shine(crossed) {
  const keys = crossed.map(({ t_s, line, way, track }) => `${t_s}/${line}/${way}/${track}`);
  crossed.forEach(({ t_s, line }, index) => {
    if (!flashed.has(keys[index]) && nowS - t_s < 2) drawn.flash(line);
  });
  flashed.clear();
  for (const key of keys) flashed.add(key);
}

function tell(code, detail) {
  const good = ["up", "clear"].includes(code);
  const place = byId("state");
  place.className = `state ${good ? "up" : ["starting", "resting", "off"].includes(code) ? "starting" : "down"}`;
  const text = (words.states[code] ?? code) + (detail ? ` · ${detail}` : "");
  if (place.textContent !== text) place.textContent = text;
}

function beside(detector) {
  if (!detector) return [];
  if (detector.why) return [words.no_detector[detector.why] ?? detector.why];
  const seen = detector.seen ?? 0;
  const cost = (detector.look_ms ?? 0).toFixed(0);
  return [filled(words.detector, { seen, all: seen + (detector.unseen ?? 0), cost })];
}

async function look() {
  const { said, pictures } = await asked(`${path}/look`);
  tell(said.state ?? "down", said.detail);
  if (said.say !== "sight") return false;
  nowS = said.t_s;
  if (said.worker !== worker) sinceS = nowS;
  worker = said.worker;
  replay.answers(worker);
  countUp(said.totals);
  lists.occupy(said.occupancy ?? {});
  if (same() && !replay.showing) shine(said.crossed ?? []);
  const figures = { wide: said.wide ?? 0, high: said.high ?? 0, rate: Math.round(said.frames_per_s ?? 0), cost: (said.look_ms ?? 0).toFixed(1) };
  byId("figures").textContent = pictures.length ? [filled(words.picture, figures), ...beside(said.detector)].join(" · ") : "";
  learned = said.persons ?? [];
  byId("learned").hidden = !learned.length || drawn.shapes.some(({ kind }) => kind === "person");
  if (!replay.showing) drawn.see(said.people ?? []);
  if (pictures.length) pictureAt = performance.now();
  if (pictures.length && !replay.showing) await paint(picture, pictures[0]);
  return pictures.length > 0;
}

async function watch() {
  let wait = 0;
  try {
    if (!(await look())) wait = AGAIN_MS;
  } catch (error) {
    if (error.status) toast(error.message);
    else failed();
    wait = SLOW_MS;
  }
  const stale = Math.round((performance.now() - (pictureAt ?? 0)) / 1000);
  picture.classList.toggle("stale", stale >= 3);
  if (stale >= 3) byId("figures").textContent = pictureAt === null ? words.never : filled(words.stale, { n: stale });
  setTimeout(watch, document.hidden ? SLOW_MS : wait);
}

// What is not saved counts on what the worker has seen since it was drawn.
async function tryOut() {
  let wait = TRY_EVERY_MS;
  if (!same() && sinceS !== null && !document.hidden && !replay.counting) {
    try {
      const wanted = drawing();
      const still = () => plain(wanted) === plain(drawing()) && !same() && !replay.counting;
      const tookMs = await recounted(path, wanted, { worker, from_s: sinceS, until_s: nowS }, (said) => {
        if (!still()) return false;
        byId("trying").textContent = tried(words.trying, said);
        for (const name of Object.keys(wanted.lines)) lists.count(name, said ? tally(said.crossed, name) : ["–", "–"]);
        if (said && !replay.showing) shine(said.crossed);
        return true;
      });
      wait = Math.max(wait, tookMs / TRY_SHARE);
    } catch {
      // The picture says that the box or the camera is gone.
    }
  }
  setTimeout(tryOut, wait);
}

// Saving

async function change(what, body) {
  const came = byId("came");
  byId("save").disabled = byId("undo").disabled = true;
  try {
    const now = JSON.parse(await post(`${path}/${what}`, body));
    came.textContent = now.said;
    came.className = "good";
    hush();
    counted.base.clear();
    counted.last.clear();
    stand(now);
  } catch (error) {
    came.className = "bad";
    if (error instanceof TypeError) {
      failed();
    } else {
      const { said, revision, undo } = answered(error.message);
      came.textContent = said;
      // Whoever has read that somebody changed the file may press again.
      if (revision) stands = { ...stands, revision, undo };
    }
    marks();
  }
}

function answered(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { said: text };
  }
}

byId("save").addEventListener("click", () => {
  const trouble = lists.trouble();
  if (trouble) toast(trouble);
  else change("save", { revision: stands.revision, drawing: drawing() });
});
byId("undo").addEventListener("click", () => change("undo", { revision: stands.revision }));
byId("discard").addEventListener("click", () => stand({}));
byId("reset").addEventListener("click", zero);
byId("learned").addEventListener("click", () => {
  for (const [x, y, w, h] of learned.slice(0, MOST.person)) drawn.add({ kind: "person", name: "", points: [[x, y], [x + w, y + h].map(parts)] });
});
anchor.addEventListener("change", () => drawn.changed(null));
for (const button of document.querySelectorAll("[data-draw]")) {
  button.addEventListener("click", (event) => {
    if (event.detail === 0) drawn.place(button.dataset.draw); // by a key, which cannot drag
    else drawn.arm(drawn.tool === button.dataset.draw ? "" : button.dataset.draw);
  });
}
addEventListener("beforeunload", (event) => {
  if (!same()) event.preventDefault();
});

drawn.arm("");
stand({});
watch();
tryOut();
