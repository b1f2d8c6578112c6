// Whether predictions can be made, checked every few seconds while the page is visible.
import { health } from "./api.js";

const EVERY_MS = { ready: 15_000, waiting: 3_000, gone: 3_000 };

/** key(): the key to send. */
export function watchHealth({ key }) {
  const box = document.getElementById("health");
  const text = document.getElementById("health-text");
  let timer = 0;

  const look = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    const found = await health(key());
    box.dataset.state = found.state;
    text.textContent = found.text;
    document.getElementById("health-model").textContent = found.model ?? "";
    clearTimeout(timer);
    timer = setTimeout(look, EVERY_MS[found.state]);
  };
  document.addEventListener("visibilitychange", look);
  look();
}
