// Who would have been counted by a drawing that is not saved: the worker is asked until it has counted all.
import { filled } from "./drawn.js";
import { asked } from "./frames.js";

const REST_MS = 40; // between two questions: it counts what it sees now, too

// `told(said)` after each answer, null when there is none of that worker; false ends it. Tells how long the last one took.
export async function recounted(path, drawing, { worker, ...span }, told) {
  for (;;) {
    const began = performance.now();
    const { said } = await asked(`${path}/recount`, { ...drawing, ...span });
    const tookMs = performance.now() - began;
    const known = said.say === "recounted" && said.worker === worker ? { ...said, crossed: said.crossed ?? [] } : null;
    if (!told(known) || !known?.left) return tookMs;
    await new Promise((rested) => setTimeout(rested, REST_MS));
  }
}

// In and out over a line, among those crossings.
export function tally(crossed, name) {
  const of = (way) => crossed.filter((one) => one.line === name && one.way === way).length;
  return [of("in"), of("out")];
}

// By what it was counted.
export function tried(words, said) {
  const done = said?.pictures;
  return done === undefined ? words.tracks : filled(words.pictures, { done, all: done + (said.left ?? 0) });
}
