// Pictures from files, dropped, pasted or chosen.

import { element } from "./dom.js";

const MOST_BYTES = 40e6;
const MOST_PIXELS = 50e6;
const LARGEST_CANVAS = 16e6; // pixels; phones have no larger ones

/** The picture of a file, upright: a canvas, and the picture's own height and width. */
export async function opened(file) {
  if (file.size > MOST_BYTES) throw new Error("larger than 40 MB");
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
    throw new Error("not a picture that this browser can open");
  });
  const n = bitmap.width * bitmap.height;
  if (n > MOST_PIXELS) throw new Error("larger than 50 megapixels");
  const scale = Math.min(1, Math.sqrt(LARGEST_CANVAS / n));
  const canvas = element("canvas", {
    width: Math.max(1, Math.floor(bitmap.width * scale)),
    height: Math.max(1, Math.floor(bitmap.height * scale)),
  });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const { height, width } = bitmap;
  bitmap.close();
  return { canvas, height, width };
}

/** Call `onFile(file)` for what is dropped or pasted while `isActive()`; `frame` shows it. */
export function listen({ frame, isActive, onFile, tell }) {
  document.addEventListener("dragover", (event) => {
    if (!isActive()) return;
    event.preventDefault();
    frame.classList.add("over");
  });
  document.addEventListener("dragleave", () => frame.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    if (!isActive()) return;
    event.preventDefault();
    frame.classList.remove("over");
    if (event.dataTransfer.files.length) onFile(event.dataTransfer.files[0]);
    else tell("What was dropped is not a file. Drop a picture from your files.");
  });
  document.addEventListener("paste", (event) => {
    if (!isActive()) return;
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
    if (file) onFile(file);
    else tell("There is no picture in the clipboard.");
  });
}
