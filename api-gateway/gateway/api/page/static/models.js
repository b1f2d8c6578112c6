// The model that is asked, where the gateway serves several; the choice is remembered in this browser.
import { modelNames } from "./api.js";
import { element } from "./elements.js";

const NAME = "model";
const USUAL = "yolo"; // who has this one alone needs to name none

export class Models {
  #names = [];
  #chosen = "";

  /** key(): the key to send. onChange(): another model is asked from now on. */
  constructor({ key, onChange }) {
    this.key = key;
    this.onChange = onChange;
    this.field = document.getElementById("model-field");
    this.select = document.getElementById("model");
    try {
      this.#chosen = localStorage.getItem(NAME) ?? "";
    } catch {
      // storage is disabled: the choice lasts as long as the page
    }
    this.select.addEventListener("change", () => this.#choose(this.select.value));
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
    this.look();
  }

  /** The parameter to send: {model: "plates"}, or {}. */
  get parameters() {
    const name = this.#names.length ? this.#asked : this.#chosen;
    const isAlone = this.#names.length < 2 && [USUAL, ""].includes(name);
    return isAlone ? {} : { model: name };
  }

  /** Ask which models there are: they come and go while the gateway runs, and depend on the key. */
  async look() {
    const names = await modelNames(this.key());
    if (!names) return;
    const before = this.parameters.model ?? USUAL;
    this.#names = names;
    this.select.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
    this.select.value = this.#asked;
    this.field.hidden = names.length < 2;
    if ((this.parameters.model ?? USUAL) !== before) this.onChange();
  }

  get #asked() {
    return this.#names.includes(this.#chosen) ? this.#chosen : (this.#names[0] ?? "");
  }

  #choose(name) {
    this.#chosen = name;
    try {
      localStorage.setItem(NAME, name);
    } catch {
      // as above
    }
    this.onChange();
  }
}
