// Watch a training: server-sent events, first everything so far, then live.

import { address } from "./api.js";

const ENDS = ["finished", "stopped", "failed"];

/**
 * Call `onBegin`, `onStep`, `onEpoch`, `onFinding`, `onPicture` and `onState` as events arrive, and
 * `onEnd(state, message)` once the training has ended. Returns a function that stops watching.
 */
export function watch(studio, run, { onBegin, onStep, onEpoch, onFinding, onPicture, onState, onEnd, onLost }) {
  const source = new EventSource(address("/api/trainings/events", { run }));
  let begun = {};
  const on = (name, action) =>
    source.addEventListener(name, (event) => action(JSON.parse(event.data)));
  on("begin", (data) => {
    begun = data;
    onBegin?.(data);
  });
  on("step", (data) => onStep?.(data, begun));
  on("epoch", (data) => onEpoch?.(data, begun));
  on("finding", (data) => onFinding?.(data, begun));
  on("picture", (data) => onPicture?.(data, begun));
  on("state", ({ state, message }) => {
    onState?.(state, message);
    if (!ENDS.includes(state)) return;
    source.close();
    onEnd?.(state, message);
  });
  source.addEventListener("error", () => {
    // the browser connects again by itself, unless the server refused
    if (source.readyState === EventSource.CLOSED) onLost?.();
  });
  return () => source.close();
}
