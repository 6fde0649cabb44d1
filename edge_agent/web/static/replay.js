// The last minutes once more: pictures from the worker's memory, counted by hand and by the lines as drawn now.
import { filled } from "./drawn.js";
import { asked, paint } from "./frames.js";
import { Hands, later } from "./hands.js";
import { recounted, tally, tried } from "./recounted.js";

const ASK_MOST = 60; // pictures in one answer
const TYPED_MOST = 9999; // people, as the field says
const PICTURES_MOST = 1200; // of a browser's memory: some 10 MB
const KEEP_EVERY_MS = 10_000; // the worker keeps pictures while somebody asks for them; after a save it is a new one
const RECOUNT_AFTER_MS = 300; // of the last change to the drawing
const BESIDE_S = 0.4; // how far a track's place may be from a picture's time

const byId = (id) => document.getElementById(id);

export class Replay {
  constructor({ path, drawn, picture, words, drawing }) {
    Object.assign(this, { path, drawn, picture, words, drawing });
    this.showing = false;
    this.playing = 0; // the timer of the next picture
    this.pictures = []; // {t_s, blob}
    this.tracks = new Map(); // track: [[t_s, x, y], …]
    this.worker = null; // whose pictures these are …
    this.answering = null; // … and who answers now
    this.counted = null; // by the lines as drawn: {from_s, until_s, crossed, …}; null: not known
    this.counting = false; // pictures are being counted again
    this.seenUntil = 0; // the index up to which somebody has watched
    this.hands = new Hands();
    byId("load").addEventListener("click", () => this.load());
    byId("live").addEventListener("click", () => this.leave());
    byId("play").addEventListener("click", () => this.toggle());
    byId("at").addEventListener("input", () => { this.stop(); this.show(Number(byId("at").value)); });
    byId("by-hand").addEventListener("change", () => this.compare());
    for (const button of document.querySelectorAll("[data-hand]"))
      button.addEventListener("click", () => this.byHand(button.dataset.hand));
    for (const row of document.querySelectorAll("#compared tr[data-way]"))
      row.querySelector("input").addEventListener("input", (event) => this.typed(row.dataset.way, event.target.value));
    document.addEventListener("keydown", (event) => {
      if (!this.showing || event.target.matches("input, select") || event.ctrlKey || event.altKey || event.metaKey) return;
      const way = { i: "in", o: "out" }[event.key.toLowerCase()];
      if (way) this.byHand(way);
    });
    this.keep();
  }

  // Asking is what has the worker keep pictures.
  async keep() {
    try {
      if (!document.hidden) await asked(`${this.path}/past?most=0`);
    } catch {
      // The live picture tells what is wrong.
    }
    setTimeout(() => this.keep(), KEEP_EVERY_MS);
  }

  async load() {
    const button = byId("load");
    button.disabled = true;
    const loaded = []; // the ones before stay until these are there
    const tracks = new Map();
    let worker = null;
    try {
      for (let after = -1; loaded.length < PICTURES_MOST; ) {
        const { said, pictures } = await asked(`${this.path}/past?after=${after}&most=${ASK_MOST}`);
        if (said.say !== "kept" || !pictures.length) break;
        if (!loaded.length) worker = said.worker;
        if (said.worker !== worker) break;
        pictures.forEach((blob, index) => loaded.push({ t_s: said.taken_s[index], blob }));
        for (const [track, places] of Object.entries(said.tracks ?? {})) tracks.set(track, [...(tracks.get(track) ?? []), ...places]);
        after = loaded.at(-1).t_s;
        byId("loaded").textContent = filled(this.words.loading, { n: loaded.length });
        if (after >= said.until_s) break; // fewer than asked are not the last: a crowd's places take their room
      }
    } catch {
      // What came so far can be shown.
    }
    this.stop();
    this.unknown();
    Object.assign(this, { pictures: loaded, tracks, worker, answering: worker, seenUntil: 0 });
    this.hands.clear();
    button.disabled = false;
    byId("player").hidden = this.pictures.length < 2;
    if (this.pictures.length < 2) {
      this.turned(false);
      byId("loaded").textContent = this.words.keeping;
      return;
    }
    byId("at").max = this.pictures.length - 1;
    this.turned(true);
    this.redrawn();
    await this.show(0);
    byId("player").scrollIntoView({ block: "nearest" });
  }

  // The picture is of the last minutes, or of now.
  turned(back) {
    this.showing = back;
    document.body.classList.toggle("replaying", back);
    byId("replaying").hidden = byId("live").hidden = !back;
  }

  leave() {
    this.stop();
    this.turned(false);
    byId("player").hidden = true;
    this.pictures = [];
    byId("loaded").textContent = "";
  }

  // Playing

  toggle() {
    if (this.playing) {
      this.stop();
      return;
    }
    if (this.index >= this.pictures.length - 1) this.index = 0;
    byId("play").textContent = this.words.pieces.pause;
    this.playing = -1;
    this.next();
  }

  stop() {
    clearTimeout(this.playing);
    this.playing = 0;
    byId("play").textContent = this.words.pieces.play;
  }

  async next() {
    await this.show(this.index);
    const [now, then] = [this.pictures[this.index], this.pictures[this.index + 1]];
    if (!this.playing || !then) {
      this.stop();
      return;
    }
    const wait = Math.min(1000, ((then.t_s - now.t_s) * 1000) / Number(byId("speed").value));
    this.playing = setTimeout(() => { this.index += 1; this.next(); }, wait);
  }

  async show(index) {
    this.index = index;
    const { t_s: now, blob } = this.pictures[index];
    const last = index > 0 ? this.pictures[index - 1].t_s : now;
    byId("at").value = index;
    this.seenUntil = Math.max(this.seenUntil, index);
    this.drawn.see([...this.tracks].flatMap(([track, places]) => {
      const near = places.reduce((best, one) => (Math.abs(one[0] - now) < Math.abs(best[0] - now) ? one : best), [-1e9, 0, 0]);
      return Math.abs(near[0] - now) > BESIDE_S ? [] : [{ track: Number(track), x: near[1], y: near[2], sure: true }];
    }));
    for (const { t_s, line } of this.counted?.crossed ?? []) if (t_s > last && t_s <= now) this.drawn.flash(line);
    this.compare();
    await paint(this.picture, blob);
  }

  // Comparing

  redrawn() {
    if (!this.showing) return;
    const choice = byId("by-hand");
    const before = choice.value;
    const names = Object.keys(this.drawing().lines);
    choice.replaceChildren(...names.map((name) => new Option(name, name, false, name === before)));
    clearTimeout(this.recounting);
    this.recounting = setTimeout(() => this.recount(), RECOUNT_AFTER_MS);
  }

  // After a save another worker answers: it has not seen these minutes, and its clock began anew.
  answers(worker) {
    if (worker === this.answering) return;
    this.answering = worker;
    if (this.worker !== worker) this.unknown();
    this.compare();
  }

  unknown() {
    this.run = null;
    this.counting = false;
    this.counted = null;
    byId("again").hidden = true;
  }

  async recount() {
    if (!this.pictures.length || this.worker !== this.answering) return;
    const wanted = this.drawing();
    const span = { worker: this.worker, from_s: this.pictures[0].t_s, until_s: this.pictures.at(-1).t_s };
    const run = (this.run = {}); // another one takes its place
    this.counting = true;
    try {
      await recounted(this.path, wanted, span, (said) => {
        if (this.run !== run || !this.showing) return false;
        this.counted = said;
        byId("again").hidden = said?.pictures === undefined;
        byId("again").textContent = tried(this.words.trying, said);
        this.compare();
        return true;
      });
    } catch {
      if (this.run === run) this.counted = null;
      this.compare();
    }
    if (this.run === run) this.counting = false;
  }

  byHand(way) {
    const line = byId("by-hand").value;
    if (!line) return;
    const now = this.pictures[this.index].t_s;
    this.hands.press(line, way, this.seenUntil || this.playing ? [now, now] : this.span());
    this.compare();
  }

  typed(way, text) {
    this.hands.type(byId("by-hand").value, way, Math.min(TYPED_MOST, Math.max(0, Math.round(Number(text)) || 0)), this.span());
    this.compare();
  }

  // What is compared: as far back as the worker still goes, up to where somebody has watched; all of it while nobody has.
  span() {
    const from = Math.max(this.pictures[0].t_s, this.counted?.from_s ?? 0);
    const until = this.pictures[this.seenUntil || this.pictures.length - 1].t_s;
    return [from, Math.min(until, this.counted?.until_s ?? until)];
  }

  compare() {
    if (!this.pictures.length) return;
    const line = byId("by-hand").value;
    const [from, until] = this.span();
    const counted = this.counted && line && until > from ? tally(this.counted.crossed.filter(({ t_s }) => t_s <= until), line) : null;
    const hands = ["in", "out"].map((way) => this.hands.count(line, way, [from, until]));
    document.querySelectorAll("#compared tr[data-way]").forEach((row, way) => {
      row.querySelector("[data-counted]").textContent = counted ? counted[way] : "–";
      const input = row.querySelector("input");
      const hand = hands[way];
      if (document.activeElement !== input) input.value = hand ? hand.there : "";
      const off = hand?.sure && counted ? counted[way] - hand.there : null;
      const place = row.querySelector("[data-off]");
      place.textContent = off === null ? "–" : off > 0 ? `+${off}` : off < 0 ? `−${-off}` : "0";
      place.className = `n ${off === null ? "" : off === 0 ? "good" : "bad"}`;
    });
    byId("span").textContent = this.compared(from, until, hands).join(" · ");
  }

  // What that is, in words.
  compared(from, until, hands) {
    const { compared, gone, forgot, timeless } = this.words;
    const ended = this.counted && !this.counted.left && this.counted.until_s <= this.counted.from_s;
    if (this.worker !== this.answering || ended) return [gone];
    if (!this.counted) return [];
    const [first, last] = [this.pictures[0].t_s, this.pictures.at(-1).t_s];
    const said = [filled(compared, { seconds: Math.max(0, Math.round(until - from)), all: Math.round(last - first) })];
    const before = hands.reduce((sum, hand) => sum + (hand?.before ?? 0), 0);
    if (before || later(from, first)) said.push(filled(forgot, { seconds: Math.ceil(from - first), n: before }));
    if (!this.counted.left && hands.some((hand) => hand && !hand.sure)) said.push(timeless);
    return said;
  }
}
