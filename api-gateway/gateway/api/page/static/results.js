// The results as text: headline, chips to filter, list, times.
import { colourOf } from "./colours.js";
import { element, milliseconds } from "./elements.js";
import { countsOf, percent, shown } from "./objects.js";

const ROWS = 100; // a longer list is not useful
const SHORTEST_MS = 0.05; // shorter times would be shown as 0.0
const SHADES = ["#5b8def", "#8fb3f5", "#2f5fd0", "#7fc8b4", "#c9a96a", "#b78fd6", "#d68f8f"];

export class Results {
  #hidden = new Set();
  #items = [];
  #rows = [];
  #active = -1;

  constructor({ onFilter, onPoint }) {
    this.parts = Object.fromEntries(
      ["found", "chips", "objects", "more", "all", "headline", "took", "said", "timing", "stages", "times"].map((id) => [
        id,
        document.getElementById(id),
      ]),
    );
    this.onFilter = onFilter;
    this.onPoint = onPoint;
    this.parts.all.addEventListener("click", () => {
      this.#hidden.clear();
      this.onFilter();
      this.parts.chips.querySelector("button")?.focus();
    });
    const { objects } = this.parts;
    objects.addEventListener("pointerover", ({ target }) => this.#choose(target.closest("li")));
    objects.addEventListener("pointerleave", () => this.onPoint(-1));
    objects.addEventListener("blur", () => this.onPoint(-1));
    objects.addEventListener("keydown", (event) => this.#step(event));
  }

  /** For another image, show all classes again. */
  reset() {
    this.#hidden.clear();
  }

  /** The items whose class is not hidden by a chip. */
  filter(items) {
    return shown(items, this.#hidden);
  }

  show(items, guesses) {
    this.#items = items;
    const visible = this.filter(items);
    const { found, more, all } = this.parts;
    found.hidden = !items.length && !guesses.length;
    all.hidden = visible.length === items.length;
    this.#chips(items);
    this.#list(guesses.length ? guesses : visible);
    const left = visible.length - ROWS;
    more.hidden = left <= 0;
    more.textContent = `and ${left} more in the JSON`;
  }

  /** Show the headline, and announce it to screen readers. */
  say(headline, took = "") {
    this.parts.headline.textContent = headline;
    this.parts.took.textContent = took;
    if (this.parts.said.textContent !== headline) this.parts.said.textContent = headline;
  }

  /** Highlight one row; -1 for none. index: the item's, not the row's. */
  point(index) {
    this.#rows.forEach((row) => row.setAttribute("aria-selected", String(Number(row.dataset.index) === index)));
    this.#active = this.#rows.findIndex((row) => Number(row.dataset.index) === index);
    const row = this.#rows[this.#active];
    if (row) this.parts.objects.setAttribute("aria-activedescendant", row.id);
    else this.parts.objects.removeAttribute("aria-activedescendant");
  }

  times(timings, roundTrip) {
    const { timing, stages, times } = this.parts;
    const { total = 0, model_server: server, ...steps } = timings;
    const inside = Object.values(steps).reduce((sum, value) => sum + value, 0);
    const parts = [
      ...Object.entries(steps),
      ["around the model", (server ?? inside) - inside],
      ["gateway", total - (server ?? inside)],
      ["network", roundTrip - total],
    ]
      .map(([name, value], at) => ({ name, value, shade: { "--shade": SHADES[at % SHADES.length] } }))
      .filter(({ value }) => value >= SHORTEST_MS);
    timing.hidden = false;
    stages.replaceChildren(...parts.map(({ value, shade }) => element("span", { style: { "--part": value, ...shade } })));
    const row = (name, value, options) =>
      element("div", options, element("dt", {}, name), element("dd", {}, milliseconds(value)));
    times.replaceChildren(
      ...parts.map(({ name, value, shade }) => row(name, value, { style: shade })),
      row("total", roundTrip, { className: "sum" }),
    );
  }

  #chips(items) {
    const focused = document.activeElement?.closest?.(".chip")?.dataset.name;
    const chips = countsOf(items).map(({ name, id, count }) => {
      const chip = element("button", { type: "button", className: "chip", style: { "--colour": colourOf(id) } }, name, element("b", {}, count));
      chip.dataset.name = name;
      chip.setAttribute("aria-pressed", String(!this.#hidden.has(name)));
      chip.addEventListener("click", () => {
        if (!this.#hidden.delete(name)) this.#hidden.add(name);
        this.onFilter();
      });
      return chip;
    });
    this.parts.chips.replaceChildren(...chips);
    if (focused !== undefined) chips.find((chip) => chip.dataset.name === focused)?.focus();
  }

  #list(items) {
    this.#rows = items.slice(0, ROWS).map(({ index, name, id, confidence }) => {
      const style = { "--colour": colourOf(id), "--part": confidence };
      const row = element("li", { id: `object-${index}`, style }, element("span", { title: name }, name), element("i"), element("b", {}, percent(confidence)));
      row.dataset.index = index;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", "false");
      return row;
    });
    this.parts.objects.replaceChildren(...this.#rows);
    this.parts.objects.removeAttribute("aria-activedescendant");
  }

  #step(event) {
    const last = this.#rows.length - 1;
    const next = {
      ArrowDown: Math.min(this.#active + 1, last),
      ArrowUp: Math.max(this.#active - 1, 0),
      Home: 0,
      End: last,
      Escape: -1,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.#choose(this.#rows[next]);
    this.#rows[next]?.scrollIntoView({ block: "nearest" });
  }

  #choose(row) {
    this.onPoint(row ? Number(row.dataset.index) : -1);
  }
}
