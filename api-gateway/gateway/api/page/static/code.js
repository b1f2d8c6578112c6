// The answer and the command, to read and to copy.

const SHOWN = 100_000; // characters; a page of masks is megabytes, and scrolling must stay light

/** Indented, with lists of numbers on one line. */
export const pretty = (value) =>
  JSON.stringify(value, null, 2).replace(/\[[\s\d.,eE+-]+\]/g, (list) => list.replace(/\s+/g, " ").replace("[ ", "[").replace(" ]", "]"));

export class Code {
  #texts = { curl: "", json: "" };

  constructor() {
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.addEventListener("click", () => this.#copy(button));
    }
    // The answer is rendered only while its box is open.
    document.getElementById("json-box").addEventListener("toggle", () => this.#show("json"));
  }

  set curl(text) {
    this.#texts.curl = text;
    this.#show("curl");
  }

  /** null: there is no answer. */
  set answer(answer) {
    this.#texts.json = answer ? pretty(answer) : "";
    document.querySelector("[data-copy=json]").disabled = !answer;
    this.#show("json");
  }

  #show(which) {
    const text = this.#texts[which];
    if (which === "json" && !document.getElementById("json-box").open) return;
    const cut = text.length > SHOWN ? `${text.slice(0, SHOWN)}\n… ${text.length - SHOWN} more characters; Copy copies all` : text;
    document.getElementById(which).textContent = cut;
  }

  async #copy(button) {
    const which = button.dataset.copy;
    const done = await copied(this.#texts[which]);
    button.textContent = done ? "Copied" : "Select it manually";
    if (!done) getSelection().selectAllChildren(document.getElementById(which));
    setTimeout(() => (button.textContent = "Copy"), 1600);
  }
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text); // absent on plain http
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "unseen";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
