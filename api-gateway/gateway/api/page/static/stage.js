// The image with its overlay, drawn at the screen's resolution; finds the item under the pointer.
import { itemAt, percent, sentence } from "./objects.js";
import { caption, paint } from "./paint.js";

const NARROW = 520; // on a phone, lines and labels are finer

export class Stage {
  #items = [];
  #guess = null;
  #active = -1;
  #size = null; // of the upright image, in its own pixels
  #url = "";

  constructor({ onPoint }) {
    this.frame = document.getElementById("frame");
    this.image = document.getElementById("image");
    this.overlay = document.getElementById("overlay");
    this.onPoint = onPoint;
    new ResizeObserver(() => this.#draw()).observe(this.frame);
    this.#watchDensity();
    this.overlay.addEventListener("pointermove", (event) => this.#point(event));
    this.overlay.addEventListener("pointerdown", (event) => this.#point(event));
    this.overlay.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.onPoint(-1));
  }

  /** Show an image without results; resolves to whether this browser can display it. */
  async show(bytes) {
    this.clear();
    this.overlay.setAttribute("aria-label", "No detections yet");
    URL.revokeObjectURL(this.#url);
    const url = (this.#url = URL.createObjectURL(bytes));
    this.image.src = url;
    const displayed = await this.image.decode().then(
      () => true,
      () => false,
    );
    if (url !== this.#url) return displayed; // another image was chosen meanwhile
    this.frame.toggleAttribute("data-sheet", !displayed);
    const { naturalWidth: width, naturalHeight: height } = this.image;
    if (!this.#size && displayed) this.#fit({ width, height });
    return displayed;
  }

  /** Draw these items of an answer on an image of {width, height}. guess: a class without a box, or null. */
  draw(items, size, guess) {
    this.#items = items;
    this.#guess = guess;
    this.#size = size;
    this.#fit(size);
    this.frame.setAttribute("data-drawn", "");
    const best = guess && `Most likely: ${guess.name}, ${percent(guess.confidence)}`;
    this.overlay.setAttribute("aria-label", best ?? (items.length ? sentence(items) : "No detections"));
    this.#draw();
  }

  clear() {
    this.#items = [];
    this.#guess = this.#size = null;
    this.frame.removeAttribute("data-drawn");
    this.#draw();
  }

  /** Highlight one item; -1 for none. */
  point(index) {
    this.#active = index;
    this.#draw();
  }

  #fit({ width, height }) {
    this.frame.style.setProperty("--w", width);
    this.frame.style.setProperty("--h", height);
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    const grid = devicePixelRatio;
    const context = this.overlay.getContext("2d");
    this.overlay.width = Math.round(width * grid);
    this.overlay.height = Math.round(height * grid);
    if (!this.#size || !width) return;
    context.scale(grid, grid);
    const active = this.#items.some(({ index }) => index === this.#active) ? this.#active : -1;
    const unit = width < NARROW ? 0.875 : 1;
    paint(context, this.#items, { width, height, scale: width / this.#size.width, unit, grid, active });
    if (this.#guess) caption(context, this.#guess, unit);
  }

  #point(event) {
    if (!this.#size) return;
    const scale = this.#size.width / this.frame.clientWidth;
    this.onPoint(itemAt(this.#items, event.offsetX * scale, event.offsetY * scale));
  }

  #watchDensity() {
    // Fires once, when the window moves to another screen or is zoomed; then watches the new value.
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener(
      "change",
      () => {
        this.#draw();
        this.#watchDensity();
      },
      { once: true },
    );
  }
}
