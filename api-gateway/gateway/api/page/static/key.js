// The API key: requested when the gateway requires one or the user opens the dialog, and kept for this tab only.

const NAME = "api-key";
const WHY = "Sent with each image. Stored in this tab until it is closed.";

export class Key {
  #value = "";

  constructor({ onChange }) {
    this.dialog = document.getElementById("key");
    this.field = document.getElementById("key-value");
    this.why = document.getElementById("key-why");
    this.button = document.getElementById("key-open");
    try {
      this.#value = sessionStorage.getItem(NAME) ?? "";
    } catch {
      // storage is disabled: the key lasts as long as the page
    }
    this.button.addEventListener("click", () => this.ask());
    document.getElementById("key-close").addEventListener("click", () => this.dialog.close());
    document.getElementById("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keep(this.field.value.trim());
      this.dialog.close();
      onChange();
    });
    this.#tell();
  }

  get value() {
    return this.#value;
  }

  /** Open the dialog; `reason` is the gateway's message, if it required a key. */
  ask(reason = "") {
    if (this.dialog.open) return;
    this.why.textContent = reason ? `${reason} ${WHY}` : WHY;
    this.field.value = this.#value;
    this.dialog.showModal();
    this.field.select();
  }

  #keep(value) {
    this.#value = value;
    try {
      if (value) sessionStorage.setItem(NAME, value);
      else sessionStorage.removeItem(NAME);
    } catch {
      // as above
    }
    this.#tell();
  }

  #tell() {
    this.button.toggleAttribute("data-on", Boolean(this.#value));
    this.button.title = this.#value ? "API key (one is set)" : "API key";
  }
}
