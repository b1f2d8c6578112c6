// The ways a picture comes in: dropped, pasted, chosen. Each ends in onFile(file).

export function takePictures({ onFile, onProblem }) {
  const veil = document.getElementById("veil");
  const chooser = document.getElementById("file");
  let depth = 0; // dragenter and dragleave come for every element under the pointer

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
    event.preventDefault(); // else the browser would leave the page for the file
    over(false);
    if (!take(event.dataTransfer?.files ?? [])) {
      onProblem("That was no file. Save the picture first, or copy the picture itself and paste it here.");
    }
  });
  addEventListener("paste", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type !== "range" && event.target.type !== "file") return;
    if (take(event.clipboardData?.files ?? [])) event.preventDefault();
    else onProblem("There is no picture on the clipboard. Copy a picture, not its address or its file's name.");
  });
  for (const input of [chooser, document.getElementById("capture")]) {
    input.addEventListener("change", () => {
      take(input.files);
      input.value = ""; // so that choosing the same file again is a change
    });
  }
  return { choose: () => chooser.click() };
}
