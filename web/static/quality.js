// Sharpness, light and size of the square, before anything is sent. The measurements are those of
// handlers/quality.py; the limits leave out the worst hundredth of public dermoscopic photographs.
// The service judges again, by the limits of its own training data.

const SHARP = -3.8; // log10 of the variance of the Laplacian of luma
const [DARK, BRIGHT] = [0.2, 0.87]; // mean luma, 0 to 1
const WHITE = 250; // level that counts as clipped
const CLIPPED = 0.01; // share of the pixels

/**
 * What should be better: some of "small", "dark", "bright", "blurred"; none is good.
 *
 * `data` are the pixels (RGBA) of the square as the model sees it, `side` of it each way, `pixels`
 * what the photograph has of each side.
 */
export function faults(data, side, pixels) {
  const { exposure, clipped, focus } = quality(data, side);
  const found = [];
  if (pixels < side) found.push("small");
  if (exposure < DARK) found.push("dark");
  if (exposure > BRIGHT || clipped > CLIPPED) found.push("bright");
  if (focus < SHARP) found.push("blurred");
  return found;
}

/** Measure the middle quarter of a square, as handlers/quality.py does. */
export function quality(data, side) {
  const [start, count] = [side >> 2, side - 2 * (side >> 2)];
  const luma = new Float32Array(count * count);
  let [light, clipped] = [0, 0];
  for (let y = 0; y < count; y += 1) {
    for (let x = 0; x < count; x += 1) {
      const at = 4 * ((y + start) * side + x + start);
      const [red, green, blue] = [data[at], data[at + 1], data[at + 2]];
      const value = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
      luma[y * count + x] = value;
      light += value;
      if (Math.min(red, green, blue) >= WHITE) clipped += 1;
    }
  }
  let [sum, squares, inner] = [0, 0, 0];
  for (let y = 1; y + 1 < count; y += 1) {
    for (let x = 1; x + 1 < count; x += 1) {
      const at = y * count + x;
      const edge =
        luma[at - 1] + luma[at + 1] + luma[at - count] + luma[at + count] - 4 * luma[at];
      sum += edge;
      squares += edge * edge;
      inner += 1;
    }
  }
  const variance = squares / inner - (sum / inner) ** 2;
  return {
    exposure: light / count ** 2,
    clipped: clipped / count ** 2,
    focus: Math.log10(variance + 1e-8),
  };
}
