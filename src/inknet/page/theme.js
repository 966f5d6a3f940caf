// The colours of the style, which canvases need; asking for them each time would be slow.

const found = new Map();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => found.clear());

/** A colour of style.css, "#rrggbb", by the name of its property. */
export function colour(name) {
  if (!found.has(name)) {
    found.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  }
  return found.get(name);
}

/** Its red, green and blue. */
export function rgb(name) {
  return [1, 3, 5].map((at) => parseInt(colour(name).slice(at, at + 2), 16));
}
