// Sliders and fields. What nobody touched is not sent: the model's own default holds.
import { percent } from "./objects.js";

export class Settings {
  #touched = new Set();

  constructor({ onChange }) {
    this.form = document.getElementById("settings");
    this.reset = document.getElementById("defaults");
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", ({ target }) => {
      this.#touched.add(target.name);
      this.#tell();
      onChange();
    });
    this.reset.addEventListener("click", () => {
      this.form.reset();
      this.#touched.clear();
      this.#tell();
      onChange();
      this.form.elements.conf.focus();
    });
    this.form.reset(); // a reload keeps what was typed, and nobody touched it here
    this.#tell();
  }

  /** {conf: "0.40", …}: what to send. */
  get parameters() {
    const fields = [...this.form.elements].filter(({ name, value }) => this.#touched.has(name) && value !== "");
    return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
  }

  /** The least confidence that the slider asks for, if anybody moved it. */
  get confidence() {
    return this.#touched.has("conf") ? Number(this.form.elements.conf.value) : null;
  }

  #tell() {
    for (const slider of this.form.querySelectorAll("[type=range]")) {
      this.form.querySelector(`output[for=${slider.name}]`).value = percent(slider.value);
      slider.style.setProperty("--done", `${slider.value * 100}%`);
    }
    this.reset.hidden = !this.#touched.size;
  }
}
