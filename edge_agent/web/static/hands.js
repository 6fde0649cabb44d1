// What somebody counted by hand over each line, and when they crossed, as far as that is known:
//
//   pressed while watching             [t, t]          the picture that was shown
//   typed, or pressed before playing   [from, until]   somewhere in the span that was compared then
//
// So that of a count over three minutes only what lies in the last two is held against a count over those two.

const NEAR_S = 2; // of three minutes: a span that begins so much later is still taken for the same

export class Hands {
  constructor() {
    this.lines = new Map(); // line: {in: […], out: […]}, each in the order of counting
  }

  clear() {
    this.lines.clear();
  }

  press(line, way, when) {
    this.of(line)[way].push(when);
  }

  // That many in this span, among them those that were pressed; what was counted before it stays.
  type(line, way, number, span) {
    const all = this.of(line)[way];
    const pressed = all.filter((when) => !gone(when, span) && when[0] === when[1]);
    const typed = Array.from({ length: number }, (_, index) => pressed[index] ?? span);
    this.of(line)[way] = [...all.filter((when) => gone(when, span)), ...typed];
  }

  // Of one way over a line, null when nobody counts there: how many in this span, how many before it, and whether that is `sure`.
  count(line, way, span) {
    if (!this.lines.has(line)) return null;
    const all = this.of(line)[way];
    const there = all.filter((when) => !gone(when, span));
    const sure = there.every(([from, until]) => from >= span[0] - NEAR_S && until <= span[1]);
    return { there: there.length, before: all.length - there.length, sure };
  }

  of(line) {
    if (!this.lines.has(line)) this.lines.set(line, { in: [], out: [] });
    return this.lines.get(line);
  }
}

export const later = (from, begin) => from > begin + NEAR_S;

const gone = ([, until], [from]) => until < from;
