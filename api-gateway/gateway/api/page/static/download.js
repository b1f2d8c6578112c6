// The annotated image in its original size, as a JPEG.
import { caption, paint } from "./paint.js";

const MOST_PIXELS = 32e6; // beyond this, some browsers return an empty canvas

/** size: of the answer's image, {width, height}. Resolves to whether it succeeded. */
export async function downloadAnnotated({ image, items, guess, size, name }) {
  const shrink = Math.min(1, Math.sqrt(MOST_PIXELS / (size.width * size.height)));
  const width = Math.round(size.width * shrink);
  const height = Math.round(size.height * shrink);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff"; // transparent pixels would become black
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  const unit = Math.max(1, Math.max(width, height) / 900);
  paint(context, items, { width, height, scale: width / size.width, unit });
  if (guess) caption(context, guess, unit);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  if (!blob) return false;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name.replace(/\.[^.]*$/, "") || "image"}-detections.jpg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return true;
}
