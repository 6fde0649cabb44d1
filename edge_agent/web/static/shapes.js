// What can be drawn over a picture, without a page: lines, zones, masks, boxes around persons, in fractions of it.
//
//   settings  {lines: {door: {a, b, in}}, zones: {shoes: [[x, y], …]}, masks: […], persons: [[x, y, w, h]], anchor}
//   shape     {kind, name, points: [[x, y], …], way}      of a person's box: two opposite corners
//
// A shape that nobody touched goes back exactly as it came.

export const MOST = { line: 16, zone: 32, mask: 32, person: 2 };
export const CORNERS_MOST = 32;
const NAME = /^[^\s:=;,]{1,40}$/;
const WAYS = { up: [0, -1], down: [0, 1], left: [-1, 0], right: [1, 0] };
const LEAST = 0.02; // a shape's least width, of the picture

export function shapesOf(drawing) {
  const line = ([name, { a, b, in: way }]) => ({ kind: "line", name, points: [a, b], way });
  const zone = ([name, points]) => ({ kind: "zone", name, points });
  const box = ([x, y, w, h]) => ({ kind: "person", name: "", points: [[x, y], [x + w, y + h]], raw: [x, y, w, h] });
  return structuredClone([
    ...Object.entries(drawing.lines).map(line),
    ...Object.entries(drawing.zones).map(zone),
    ...drawing.masks.map((points) => ({ kind: "mask", name: "", points })),
    ...drawing.persons.map(box),
  ]);
}

export function drawingOf(shapes, anchor) {
  const of = (kind) => shapes.filter((shape) => shape.kind === kind);
  return {
    lines: Object.fromEntries(of("line").map(({ name, points: [a, b], way }) => [name, { a, b, in: way }])),
    zones: Object.fromEntries(of("zone").map(({ name, points }) => [name, points])),
    masks: of("mask").map(({ points }) => points),
    persons: of("person").map(({ raw, points }) => raw ?? boxOf(points)),
    anchor,
  };
}

export const parts = (number) => Math.round(Math.min(1, Math.max(0, number)) * 10000) / 10000;

function boxOf([[x1, y1], [x2, y2]]) {
  const [x, y] = [Math.min(x1, x2), Math.min(y1, y2)];
  return [x, y, parts(Math.max(x1, x2) - x), parts(Math.max(y1, y2) - y)];
}

// What a drag from one place to another makes; from nowhere to nowhere, something in the middle of a fit size.
export function fresh(kind, from, to, name) {
  let [[x1, y1], [x2, y2]] = [from, to];
  if (Math.hypot(x2 - x1, y2 - y1) < LEAST) {
    const [w, h] = { line: [0.4, 0], zone: [0.3, 0.3], mask: [0.2, 0.2], person: [0.1, 0.2] }[kind];
    [x1, y1, x2, y2] = [x1 - w / 2, y1 - h / 2, x1 + w / 2, y1 + h / 2];
  }
  [x1, y1, x2, y2] = [x1, y1, x2, y2].map(parts);
  if (kind === "line") return { kind, name, points: [[x1, y1], [x2, y2]], way: Math.abs(x2 - x1) >= Math.abs(y2 - y1) ? "down" : "right" };
  if (kind === "person") return { kind, name: "", points: [[x1, y1], [x2, y2]] };
  return { kind, name, points: [[x1, y1], [x2, y1], [x2, y2], [x1, y2]] };
}

// The way across a line on which its IN lies: a unit vector in pixels of a picture `wide` × `high`.
export function inward({ points: [a, b], way }, wide, high) {
  const [dx, dy] = [(b[0] - a[0]) * wide, (b[1] - a[1]) * high];
  const length = Math.hypot(dx, dy) || 1;
  const [nx, ny] = [-dy / length, dx / length];
  const [wx, wy] = WAYS[way];
  return nx * wx + ny * wy < 0 ? [-nx, -ny] : [nx, ny];
}

export const wayOf = ([x, y]) => (Math.abs(x) > Math.abs(y) ? (x < 0 ? "left" : "right") : (y < 0 ? "up" : "down"));

// Moves one corner; the arrow of a line stays on its side.
export function moveCorner(shape, index, to, wide, high) {
  const [sx, sy] = shape.kind === "line" ? inward(shape, wide, high) : [0, 0];
  delete shape.raw;
  shape.points[index] = to.map(parts);
  if (shape.kind !== "line") return;
  const [nx, ny] = inward(shape, wide, high);
  shape.way = wayOf(nx * sx + ny * sy < 0 ? [-nx, -ny] : [nx, ny]);
}

export function moveAll(shape, before, dx, dy) {
  const [xs, ys] = [before.map(([x]) => x), before.map(([, y]) => y)];
  const within = (by, all) => Math.min(1 - Math.max(...all), Math.max(-Math.min(...all), by));
  const [x0, y0] = [within(dx, xs), within(dy, ys)];
  delete shape.raw;
  shape.points = before.map(([x, y]) => [parts(x + x0), parts(y + y0)]);
}

export function turn(shape, wide, high) {
  const [nx, ny] = inward(shape, wide, high);
  shape.way = wayOf([-nx, -ny]);
}

// Takes a corner away, when enough are left for a shape.
export function dropCorner(shape, index) {
  if (shape.points.length <= 3 || !["zone", "mask"].includes(shape.kind)) return false;
  shape.points.splice(index, 1);
  return true;
}

export function addCorner(shape, after) {
  if (shape.points.length >= CORNERS_MOST) return false;
  const [a, b] = [shape.points[after], shape.points[(after + 1) % shape.points.length]];
  shape.points.splice(after + 1, 0, [parts((a[0] + b[0]) / 2), parts((a[1] + b[1]) / 2)]);
  return true;
}

// "" when the name may be; else which rule it breaks.
export function nameTrouble(shapes, shape, name) {
  if (!NAME.test(name)) return "bad_name";
  const twice = shapes.some((other) => other !== shape && other.kind === shape.kind && other.name === name);
  return twice ? "twice" : "";
}

export function freshName(shapes, kind, word) {
  for (let number = 1; ; number++) {
    const name = number === 1 ? word : `${word}-${number}`;
    if (!shapes.some((shape) => shape.kind === kind && shape.name === name)) return name;
  }
}
