// Deslanted images, the same bytes as those of inknet/scale/deslanting.py.

import { clip, rint } from "./photo/exact.js";

/** An image's bytes, sheared along the rows until its ink does not lean, by 45 degrees at most. */
export function deslanted(levels, { height, width, lightBackground }) {
  const ink = lightBackground ? levels.map((level) => 255 - level) : levels;
  let [mass, massX, massY, massXY, massYY] = [0, 0, 0, 0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      mass += ink[i];
      massX += x * ink[i];
      massY += y * ink[i];
      massXY += x * y * ink[i];
      massYY += y * y * ink[i];
    }
  }
  const tall = mass * massYY - massY * massY;
  const slope = clip((mass * massXY - massY * massX) / (tall > 0 ? tall : 1), -1, 1);
  const centre = massY / (mass > 0 ? mass : 1);
  return levels.map((_, i) => {
    const y = Math.floor(i / width);
    const shift = slope * (y - centre);
    const whole = Math.floor(shift);
    const part = shift - whole;
    const at = (x) => (x < 0 || x >= width ? 0 : ink[y * width + x]); // no ink beside the image
    const x = (i % width) + whole;
    const level = rint((1 - part) * at(x) + part * at(x + 1));
    return lightBackground ? 255 - level : level;
  });
}
