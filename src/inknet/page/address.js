// The state in the address: what is drawn, which character and class are looked at, what is followed.

import { decodedStrokes, encoded } from "./strokes.js";

/** Nodes as text: layer and unit, "4.7-3.7-2.12". */
function pathText(path) {
  return path.map(({ layer, unit }) => `${layer}.${unit}`).join("-");
}

/** The state as parameters of an address; null for what has none. */
export function parametersOf({ strokes, chosen, shown, path }) {
  return {
    draw: strokes.length ? encoded(strokes) : null,
    character: chosen || null,
    class: shown,
    follow: path.length ? pathText(path) : null,
  };
}

export function addressOf(state) {
  const given = Object.entries(parametersOf(state)).filter(([, value]) => value !== null);
  return given.length ? `#${given.map(([name, value]) => `${name}=${value}`).join("&")}` : "";
}

export function stateOf(hash) {
  const values = new URLSearchParams(hash.slice(1));
  const number = (name) => (/^\d{1,6}$/.test(values.get(name) ?? "") ? Number(values.get(name)) : null);
  const follow = values.get("follow") ?? "";
  const path = /^\d{1,4}\.\d{1,6}(-\d{1,4}\.\d{1,6})*$/.test(follow)
    ? follow.split("-").map((node) => {
        const [layer, unit] = node.split(".").map(Number);
        return { layer, unit };
      })
    : [];
  return {
    strokes: decodedStrokes(values.get("draw") ?? ""),
    chosen: number("character") ?? 0,
    shown: number("class"),
    path,
  };
}
