// Sliders and fields. A field that was not changed is not sent, so that the model's default applies.
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
    this.form.reset(); // a reload restores what was typed
    this.#tell();
  }

  /** The parameters to send: {conf: "0.40", …}. */
  get parameters() {
    const fields = [...this.form.elements].filter(({ name, value }) => this.#touched.has(name) && value !== "");
    return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
  }

  /** The minimum confidence on the slider, if it was moved. */
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
