// The drawing over a picture, changed by mouse, finger or keys. One unit of the SVG is one pixel of the screen.
import { addCorner, CORNERS_MOST, dropCorner, fresh, inward, moveAll, moveCorner, turn } from "./shapes.js";

const SVG = "http://www.w3.org/2000/svg";
const ARROW_PX = 44;
const STILL_PX = 4; // a finger that moves less has not moved
const TWICE_MS = 500; // from one press of a corner to the next that takes it away
const STEP = 0.01; // an arrow key's, of the picture; with Shift five of them
const KEYS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function element(name, attributes, ...inside) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

export class Drawn {
  // `changed(shape)` after each change, null when one was taken away; `made(shape)` for a new one, false refuses it;
  // `listed()` when there are others, `chose()` when another is chosen, `armed(kind)` when the next drag makes one.
  constructor(svg, words, { changed, listed, chose, made, armed }) {
    Object.assign(this, { svg, words, changed, listed, chose, made, onArmed: armed });
    this.shapes = [];
    this.chosen = null;
    this.tool = "";
    this.people = [];
    this.trails = new Map();
    this.flashes = new Map(); // a line's name: until when it shines
    this.drag = null;
    this.pressed = { corner: "", at: 0 }; // the corner that was pressed last, without moving it
    this.back = svg.appendChild(element("g", { "aria-hidden": "true" }));
    this.front = svg.appendChild(element("g", {}));
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.moved(event));
    svg.addEventListener("pointerup", (event) => this.up(event));
    svg.addEventListener("pointercancel", () => this.cancel());
    svg.addEventListener("keydown", (event) => this.key(event));
    // A finger on something that it moves does not scroll the page; anywhere else on the picture it does.
    svg.addEventListener("touchstart", (event) => { if (this.drag) event.preventDefault(); }, { passive: false });
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  get wide() { return this.svg.clientWidth || 1; }
  get high() { return this.svg.clientHeight || 1; }

  show(shapes) {
    this.shapes = shapes;
    this.listed();
    this.choose(null);
  }

  choose(shape) {
    this.chosen = shape;
    this.draw();
    this.chose();
  }

  arm(kind) {
    this.tool = kind;
    this.svg.classList.toggle("armed", Boolean(kind));
    this.onArmed(kind);
  }

  // Puts a new shape into the middle: for those who draw with keys.
  place(kind) {
    this.add(fresh(kind, [0.5, 0.5], [0.5, 0.5], ""));
    this.front.querySelector('[data-key$=":corner:0"]')?.focus();
  }

  add(shape) {
    this.arm("");
    if (!this.made(shape)) return;
    this.shapes.push(shape);
    this.listed();
    this.changed(shape);
    this.choose(shape);
  }

  remove(shape) {
    this.shapes.splice(this.shapes.indexOf(shape), 1);
    this.listed();
    this.changed(null);
    this.choose(null);
  }

  turn(shape) {
    turn(shape, this.wide, this.high);
    this.changed(shape);
    this.draw();
  }

  // Pointers

  at(event) {
    const box = this.svg.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  down(event) {
    if (event.button !== 0 || this.drag) return;
    const from = this.at(event);
    const { shape: index, corner, between, arrow } = event.target.closest("[data-shape]")?.dataset ?? {};
    const shape = this.shapes[index];
    if (this.tool) {
      this.drag = { how: "new", from, to: from };
    } else if (arrow !== undefined) {
      this.turn(shape);
      return;
    } else if (corner !== undefined) {
      this.drag = { how: "corner", shape, corner: Number(corner), from, held: shape.points[corner] };
    } else if (between !== undefined) {
      if (!addCorner(shape, Number(between))) return;
      this.drag = { how: "corner", shape, corner: Number(between) + 1, from, held: shape.points[Number(between) + 1] };
      this.changed(shape);
    } else {
      if (shape && shape === this.chosen) this.drag = { how: "all", shape, from, before: shape.points };
      else this.choose(shape ?? null);
      if (!this.drag) return;
    }
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    // Not at once: the touch that is this press must still find what it touched, or it scrolls the page.
    requestAnimationFrame(() => this.draw());
  }

  moved(event) {
    if (!this.drag) return;
    const { how, shape, corner, from, before, held } = this.drag;
    const to = this.at(event);
    if (how !== "new" && !this.drag.moves) {
      this.drag.moves = Math.hypot((to[0] - from[0]) * this.wide, (to[1] - from[1]) * this.high) >= STILL_PX;
      if (!this.drag.moves) return;
    }
    if (how === "new") this.drag.to = to;
    // By as much as the finger moves, wherever beside the corner it lies.
    else if (how === "corner") moveCorner(shape, corner, [0, 1].map((axis) => held[axis] + to[axis] - from[axis]), this.wide, this.high);
    else moveAll(shape, before, to[0] - from[0], to[1] - from[1]);
    if (how !== "new") this.changed(shape);
    this.draw();
  }

  up(event) {
    if (!this.drag) return;
    this.moved(event); // a quick finger's last place may come with its leaving alone
    const { how, from, shape, corner, moves } = this.drag;
    this.drag = null;
    if (how === "corner" && !moves && this.again(`${this.shapes.indexOf(shape)}:${corner}`) && dropCorner(shape, corner)) this.changed(shape);
    if (how === "new") this.add(fresh(this.tool, from, this.at(event), ""));
    else this.draw();
    if (how === "corner") this.focus(shape, `corner:${corner}`);
  }

  // Whether that corner was pressed a moment ago, too.
  again(corner) {
    const now = performance.now();
    const twice = this.pressed.corner === corner && now - this.pressed.at < TWICE_MS;
    this.pressed = { corner: twice ? "" : corner, at: now };
    return twice;
  }

  cancel() {
    this.drag = null;
    this.draw();
  }

  // Keys

  key(event) {
    const data = event.target.closest("[data-shape]")?.dataset;
    if (event.key === "Escape") {
      this.arm("");
      this.choose(null);
      return;
    }
    const shape = this.shapes[data?.shape];
    if (!shape) return;
    const enter = event.key === "Enter" || event.key === " ";
    const step = KEYS[event.key];
    if (event.key === "Delete" || event.key === "Backspace") {
      if (data.corner !== undefined && dropCorner(shape, Number(data.corner))) this.changed(shape);
      else this.remove(shape);
    } else if (enter && data.arrow !== undefined) {
      this.turn(shape);
    } else if (enter && data.between !== undefined) {
      if (addCorner(shape, Number(data.between))) this.changed(shape);
      this.draw();
      this.focus(shape, `corner:${Number(data.between) + 1}`);
    } else if (enter) {
      this.choose(shape);
    } else if (step) {
      const by = step.map((one) => one * STEP * (event.shiftKey ? 5 : 1));
      if (data.corner === undefined) moveAll(shape, shape.points, ...by);
      else moveCorner(shape, Number(data.corner), shape.points[data.corner].map((one, axis) => one + by[axis]), this.wide, this.high);
      this.changed(shape);
    } else {
      return;
    }
    event.preventDefault();
    this.draw();
  }

  focus(shape, part) {
    this.front.querySelector(`[data-key="${this.shapes.indexOf(shape)}:${part}"]`)?.focus({ preventScroll: true });
  }

  // The picture's people

  see(people) {
    const here = new Set(people.map(({ track }) => track));
    for (const track of this.trails.keys()) if (!here.has(track)) this.trails.delete(track);
    for (const { track, x, y } of people) {
      const trail = this.trails.get(track) ?? [];
      this.trails.set(track, [...trail, [x, y]].slice(-24));
    }
    this.people = people;
    this.drawPeople();
  }

  flash(name) {
    this.flashes.set(name, performance.now() + 900);
    this.draw();
    setTimeout(() => this.draw(), 950);
  }

  px([x, y]) { return `${(x * this.wide).toFixed(1)},${(y * this.high).toFixed(1)}`; }

  drawPeople() {
    this.back.replaceChildren(...this.people.flatMap(({ track, x, y, box, sure }) => {
      const kind = sure ? "sure" : "unsure";
      const trail = element("polyline", { class: `trail ${kind}`, points: this.trails.get(track).map((one) => this.px(one)).join(" ") });
      const anchor = element("circle", { class: `anchor ${kind}`, cx: x * this.wide, cy: y * this.high, r: 4 });
      if (!box) return [trail, anchor];
      const [left, top, w, h] = box;
      return [element("rect", { class: `seen ${kind}`, x: left * this.wide, y: top * this.high, width: w * this.wide, height: h * this.high }), trail, anchor];
    }));
  }

  draw() {
    const focused = document.activeElement?.dataset?.key;
    this.svg.setAttribute("viewBox", `0 0 ${this.wide} ${this.high}`);
    const drawn = this.shapes.flatMap((shape, index) => this.drawShape(shape, index));
    if (this.drag?.how === "new") drawn.push(...this.drawShape(fresh(this.tool, this.drag.from, this.drag.to, ""), -1));
    this.front.replaceChildren(...drawn);
    if (focused) this.front.querySelector(`[data-key="${focused}"]`)?.focus({ preventScroll: true });
    this.drawPeople();
  }

  nameOf(shape) {
    if (shape.name) return shape.name;
    const same = this.shapes.filter(({ kind }) => kind === shape.kind);
    return `${this.words.kinds[shape.kind]} ${same.indexOf(shape) + 1}`;
  }

  drawShape(shape, index) {
    const chosen = shape === this.chosen;
    const name = index < 0 ? "" : this.nameOf(shape);
    const shines = this.flashes.get(shape.name) > performance.now() && shape.kind === "line";
    const group = element("g", { class: `shape ${shape.kind}${chosen ? " chosen" : ""}${shines ? " shines" : ""}` });
    const points = shape.kind === "person" ? corners(shape.points) : shape.points;
    const list = points.map((one) => this.px(one)).join(" ");
    const outline = shape.kind === "line" ? "polyline" : "polygon";
    const data = { "data-shape": index };
    group.append(element(outline, { class: "grip", points: list, ...data }));
    group.append(element(outline, {
      class: "outline", points: list, tabindex: 0, role: "button", "aria-label": name, "aria-pressed": chosen, "data-key": `${index}:whole`, ...data,
    }));
    if (shape.kind === "line") group.append(this.arrow(shape, index, name));
    const [tx, ty] = [points[0][0] * this.wide, points[0][1] * this.high];
    group.append(element("text", { x: Math.min(tx + 10, this.wide - 60), y: ty < 30 ? ty + 22 : ty - 10, "aria-hidden": "true" }, name));
    if (chosen) group.append(...this.handles(shape, index, name));
    return [group];
  }

  arrow(shape, index, name) {
    const [a, b] = shape.points;
    const [nx, ny] = inward(shape, this.wide, this.high);
    const [x, y] = [((a[0] + b[0]) / 2) * this.wide, ((a[1] + b[1]) / 2) * this.high];
    const [tx, ty] = [x + nx * ARROW_PX, y + ny * ARROW_PX];
    const head = `M${tx},${ty} L${tx - nx * 16 - ny * 9},${ty - ny * 16 + nx * 9} L${tx - nx * 16 + ny * 9},${ty - ny * 16 - nx * 9} Z`;
    const label = filled(this.words.arrow, { name, way: this.words.ways[shape.way] });
    return element(
      "g",
      { class: "arrow", tabindex: 0, role: "button", "aria-label": label, "data-shape": index, "data-arrow": "", "data-key": `${index}:arrow` },
      element("circle", { class: "grip", cx: x + nx * 26, cy: y + ny * 26, r: 24 }),
      element("path", { d: `M${x},${y} L${tx - nx * 12},${ty - ny * 12}` }),
      element("path", { class: "head", d: head }),
    );
  }

  handles(shape, index, name) {
    const corner = ([x, y], number) => {
      const label = filled(this.words.corner, { name, number: number + 1, x: Math.round(x * 100), y: Math.round(y * 100) });
      return element(
        "g",
        { class: "corner", tabindex: 0, role: "button", "aria-label": label, "data-shape": index, "data-corner": number, "data-key": `${index}:corner:${number}` },
        element("circle", { class: "grip", cx: x * this.wide, cy: y * this.high, r: 24 }),
        element("circle", { class: "knob", cx: x * this.wide, cy: y * this.high, r: 9 }),
      );
    };
    const made = shape.points.map(corner);
    if (!["zone", "mask"].includes(shape.kind) || shape.points.length >= CORNERS_MOST) return made;
    const between = ([x, y], number) => {
      const [ex, ey] = shape.points[(number + 1) % shape.points.length];
      const [cx, cy] = [((x + ex) / 2) * this.wide, ((y + ey) / 2) * this.high];
      return element(
        "g",
        { class: "between", tabindex: 0, role: "button", "aria-label": filled(this.words.between, { name, number: number + 1 }), "data-shape": index, "data-between": number, "data-key": `${index}:between:${number}` },
        element("circle", { class: "grip", cx, cy, r: 16 }),
        element("circle", { class: "knob", cx, cy, r: 5 }),
      );
    };
    return [...shape.points.map(between), ...made]; // corners lie above
  }
}

const corners = ([[x1, y1], [x2, y2]]) => [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
