// What is drawn, as lists beside the picture: names to change, counts, arrows to turn, and what can be taken away.
import { filled } from "./drawn.js";
import { nameTrouble } from "./shapes.js";

const PLACES = { line: ["lines", "a-line"], zone: ["zones", "a-zone"], mask: ["others", "another"], person: ["others", "another"] };

export class Lists {
  constructor(drawn, words, renamed) {
    Object.assign(this, { drawn, words, renamed });
    this.counts = new Map();
    this.people = {};
  }

  build() {
    const focused = document.activeElement?.dataset?.row;
    for (const id of ["lines", "zones", "others"]) document.getElementById(id).replaceChildren();
    this.drawn.shapes.forEach((shape, index) => this.row(shape, index));
    if (focused) document.querySelector(`[data-row="${focused}"]`)?.focus();
    this.mark();
    this.tell();
  }

  // Another shape is the chosen one; the rows stay, for somebody may be typing in one.
  mark() {
    for (const row of document.querySelectorAll(".shapes [data-kind]")) {
      const chosen = this.drawn.shapes[row.dataset.shape] === this.drawn.chosen;
      row.classList.toggle("chosen", chosen);
      row.querySelector("[data-choose]").setAttribute("aria-pressed", chosen);
    }
  }

  row(shape, index) {
    const [place, template] = PLACES[shape.kind];
    const row = document.getElementById(template).content.cloneNode(true).firstElementChild;
    const name = this.drawn.nameOf(shape);
    row.dataset.name = shape.name;
    row.dataset.kind = shape.kind;
    row.dataset.shape = index;
    for (const [part, what] of [["[data-choose]", "choose"], ["input", "name"], ["[data-turn]", "turn"], ["[data-remove]", "remove"]]) {
      const found = row.querySelector(part);
      if (found) found.dataset.row = `${index}:${what}`;
    }
    const choose = row.querySelector("[data-choose]");
    choose.setAttribute("aria-label", name);
    choose.addEventListener("click", () => {
      this.drawn.choose(shape);
      this.drawn.svg.scrollIntoView({ block: "nearest" });
    });
    row.querySelector("[data-turn]")?.addEventListener("click", () => this.drawn.turn(shape));
    row.querySelector("[data-remove]").addEventListener("click", () => this.drawn.remove(shape));
    const what = row.querySelector(".what");
    if (what) what.textContent = name;
    const input = row.querySelector("input");
    if (input) {
      input.value = shape.name;
      input.addEventListener("input", () => this.rename(shape, input, row));
      input.addEventListener("focus", () => { if (this.drawn.chosen !== shape) this.drawn.choose(shape); });
    }
    document.getElementById(place).append(row);
  }

  rename(shape, input, row) {
    const name = input.value.trim().replace(/\s+/g, "-");
    const trouble = nameTrouble(this.drawn.shapes, shape, name);
    input.setCustomValidity(trouble ? this.words[trouble] : "");
    input.reportValidity();
    if (trouble) return;
    shape.name = row.dataset.name = name;
    this.drawn.draw();
    this.renamed();
    this.tell();
  }

  // Why the names cannot be saved; "" when they can.
  trouble() {
    const wrong = document.querySelector(".shapes input:invalid");
    wrong?.focus();
    return wrong ? wrong.validationMessage : "";
  }

  count(name, [inside, outside]) {
    this.counts.set(name, [inside, outside]);
    this.tell();
  }

  occupy(people) {
    this.people = people;
    this.tell();
  }

  tell() {
    for (const row of document.querySelectorAll('.shapes [data-kind="line"]')) {
      const [inside, outside] = this.counts.get(row.dataset.name) ?? [0, 0];
      row.querySelector("[data-in]").textContent = inside;
      row.querySelector("[data-out]").textContent = outside;
    }
    for (const row of document.querySelectorAll('.shapes [data-kind="zone"]')) {
      const people = this.people[row.dataset.name];
      row.querySelector("[data-there]").textContent = people === undefined ? "" : filled(this.words.inside, { n: people });
    }
  }
}
