// Rough outlines of what stands out from the skin, to preset the square. No segmentation: a person
// checks the square before anything is sent. `make benchmark NAME=framing` measures it.

const LONG = 160; // pixels of the long side that outlines are found in
const ROUNDS = 4; // of fitting the skin's colour, each without what stands out
const FAINTEST = 14; // difference to the skin, in levels of 255, from which something stands out
const INSIDE = 0.7; // of Otsu's threshold, because the fading border belongs to the lesion
const [SMALLEST, LARGEST] = [0.0004, 0.6]; // share of the photograph
const THINNEST = 0.3; // share of its bounding box that an outline fills: hairs fill less
const MARGIN = 1.5; // side of the square, in sides of the outline
const CLOSE = 0.45; // share of the short side from which a lesion fills the photograph already

/**
 * Squares around what may be a lesion, likeliest first, in pixels: {x, y, side}.
 *
 * Empty where nothing stands out, or where it fills the centre square already.
 */
export function presets(picture) {
  const [width, height] = [picture.width, picture.height];
  const scale = LONG / Math.max(width, height);
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const short = Math.min(width, height);
  const squares = [];
  for (const found of outlines(data, canvas.width, canvas.height)) {
    const longer = Math.max(found.width, found.height) / scale;
    if (longer > CLOSE * short) return squares;
    const side = Math.min(longer * MARGIN, short);
    const centre = [(found.x + found.width / 2) / scale, (found.y + found.height / 2) / scale];
    squares.push({ x: centre[0] - side / 2, y: centre[1] - side / 2, side });
  }
  return squares;
}

/** Bounding boxes of connected regions that differ from the skin, likeliest first. */
export function outlines(data, width, height) {
  const away = blurred(difference(data, width, height), width, height);
  const threshold = Math.max(INSIDE * otsu(away), FAINTEST);
  return regions(away, width, height, threshold)
    .filter(({ area, ...box }) => {
      const share = area / (width * height);
      const inside = box.x > 0 && box.y > 0 && box.x + box.width < width && box.y + box.height < height;
      return (
        inside && share > SMALLEST && share < LARGEST && area > THINNEST * box.width * box.height
      );
    })
    .sort((one, other) => other.weight - one.weight);
}

/**
 * How much darker or redder each pixel is than the skin, 0 to 255.
 *
 * The skin is a plane in each channel, since light falls from one side: fitted to all pixels, and
 * again to those that lie near the plane.
 */
function difference(data, width, height) {
  const away = new Float32Array(width * height);
  let far = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const planes = [0, 1, 2].map((channel) => plane(data, width, height, channel, away, far));
    for (let at = 0, y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1, at += 1) {
        const off = planes.map(([a, b, c], channel) => a + b * x + c * y - data[4 * at + channel]);
        const darker = 0.299 * off[0] + 0.587 * off[1] + 0.114 * off[2];
        const size = Math.hypot(...off);
        away[at] = darker > 0 ? size : size / 3;
      }
    }
    far = 2 * median(away);
  }
  return away;
}

/** Least-squares plane of one channel over the pixels that are not far from the last one. */
function plane(data, width, height, channel, away, far) {
  const sums = new Float64Array(9);
  for (let at = 0, y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      if (away[at] > far) continue;
      const value = data[4 * at + channel];
      const terms = [1, x, y, x * x, x * y, y * y, value, value * x, value * y];
      for (let term = 0; term < 9; term += 1) sums[term] += terms[term];
    }
  }
  const [n, x, y, xx, xy, yy, v, vx, vy] = sums;
  const determinant = (a, b, c, d, e, f, g, h, i) =>
    a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  const whole = determinant(n, x, y, x, xx, xy, y, xy, yy);
  if (Math.abs(whole) < 1e-6) return [n ? v / n : 0, 0, 0];
  return [
    determinant(v, x, y, vx, xx, xy, vy, xy, yy) / whole,
    determinant(n, v, y, x, vx, xy, y, vy, yy) / whole,
    determinant(n, x, v, x, xx, vx, y, xy, vy) / whole,
  ];
}

function blurred(values, width, height) {
  const result = new Float32Array(values.length);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let [sum, count] = [0, 0];
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row += 1) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column += 1) {
          sum += values[row * width + column];
          count += 1;
        }
      }
      result[y * width + x] = sum / count;
    }
  }
  return result;
}

function median(values) {
  const sorted = Float32Array.from(values).sort();
  return sorted[sorted.length >> 1];
}

/** The threshold that splits values into two classes of least variance (Otsu 1979). */
function otsu(values) {
  const counts = new Float64Array(256);
  for (const value of values) counts[Math.min(255, Math.floor(value))] += 1;
  const whole = counts.reduce((sum, count, level) => sum + count * level, 0);
  let [best, level, below, sum] = [-1, 0, 0, 0];
  for (let at = 0; at < 255; at += 1) {
    below += counts[at];
    sum += counts[at] * at;
    const above = values.length - below;
    if (!below || !above) continue;
    const between = below * above * (sum / below - (whole - sum) / above) ** 2;
    if (between > best) [best, level] = [between, at + 0.5];
  }
  return level;
}

/** Connected regions above a threshold, with bounding box, area and the sum of their values. */
function regions(values, width, height, threshold) {
  const seen = new Uint8Array(values.length);
  const found = [];
  for (let start = 0; start < values.length; start += 1) {
    if (seen[start] || values[start] <= threshold) continue;
    let [left, right, top, bottom, area, weight] = [width, 0, height, 0, 0, 0];
    const waiting = [start];
    seen[start] = 1;
    while (waiting.length) {
      const at = waiting.pop();
      const [x, y] = [at % width, Math.floor(at / width)];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      area += 1;
      weight += values[at];
      const near = [x > 0 && at - 1, x + 1 < width && at + 1, y > 0 && at - width, y + 1 < height && at + width];
      for (const next of near) {
        if (next === false || seen[next] || values[next] <= threshold) continue;
        seen[next] = 1;
        waiting.push(next);
      }
    }
    found.push({ x: left, y: top, width: right - left + 1, height: bottom - top + 1, area, weight });
  }
  return found;
}
