// The ways to choose an image: drop, paste, file dialog. Each ends in onFile(file).

export function takeImages({ onFile, onProblem }) {
  const veil = document.getElementById("veil");
  const chooser = document.getElementById("file");
  let depth = 0; // dragenter and dragleave fire for every element under the pointer

  const take = (files) => {
    const list = [...files];
    const file = list.find(({ type }) => type.startsWith("image/")) ?? list[0];
    if (file) onFile(file, list.length);
    return Boolean(file);
  };
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  const over = (on) => {
    if (!on) depth = 0;
    veil.hidden = !on;
  };

  addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth += 1;
    over(true);
  });
  addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) over(false);
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault(); // otherwise the browser would open the file
    over(false);
    if (!take(event.dataTransfer?.files ?? [])) {
      onProblem("That was not a file. Save the image first, or copy the image itself and paste it here.");
    }
  });
  addEventListener("paste", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type !== "range" && event.target.type !== "file") return;
    if (take(event.clipboardData?.files ?? [])) event.preventDefault();
    else onProblem("There is no image on the clipboard. Copy an image, not its URL or file name.");
  });
  for (const input of [chooser, document.getElementById("capture")]) {
    input.addEventListener("change", () => {
      take(input.files);
      input.value = ""; // so that choosing the same file again fires a change
    });
  }
  return { choose: () => chooser.click() };
}
