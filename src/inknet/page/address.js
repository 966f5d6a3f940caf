// The state in the address: what is drawn, which character and class are looked at, what is followed.

import { decodedStrokes, encoded } from "./strokes.js";

/** Nodes as text: layer and unit, "4.7-3.7-2.12". */
function pathText(path) {
  return path.map(({ layer, unit }) => `${layer}.${unit}`).join("-");
}

export function addressOf({ strokes, chosen, shown, path }) {
  const parts = [];
  if (strokes.length) parts.push(`draw=${encoded(strokes)}`);
  if (chosen) parts.push(`character=${chosen}`);
  if (shown !== null) parts.push(`class=${shown}`);
  if (path.length) parts.push(`follow=${pathText(path)}`);
  return parts.length ? `#${parts.join("&")}` : "";
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
