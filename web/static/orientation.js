// How the camera was held: read from EXIF and XMP as handlers/structure/orientation.py reads it, and
// written alone.

export const ascii = (bytes, from, length) => String.fromCharCode(...bytes.subarray(from, from + length));

// Longer than String.fromCharCode takes as arguments.
export const latin = (bytes) => new TextDecoder("latin1").decode(bytes);

/** A file that is not built as its format says. */
export class OddFile extends Error {}

const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16];

/**
 * 1 to 8: EXIF's orientation, XMP's where EXIF is readable and does not name it; 1 where neither
 * says anything usable. As handlers/structure/orientation.py reads it.
 */
export function orientationOf(exif, xmp) {
  let value = null;
  if (exif.length) {
    try {
      value = inExif(exif.subarray(0, 65536));
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof OddFile)) throw error;
      return 1;
    }
  }
  if (value === null) {
    const found = /tiff:Orientation(?:="|>)([0-9])/.exec(latin(xmp.subarray(0, 1048576)));
    value = found ? Number(found[1]) : 1;
  }
  return value >= 1 && value <= 8 ? value : 1;
}

function inExif(exif) {
  let prefix = 0;
  while (prefix < 12 && ascii(exif, prefix, 6) === "Exif\0\0") prefix += 6;
  const tiff = exif.subarray(prefix);
  if (!tiff.length) return null;
  const order = ascii(tiff, 0, 4);
  if (order !== "II*\0" && order !== "MM\0*") throw new OddFile();
  const little = order === "II*\0";
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const start = view.getUint32(4, little);
  if (start + 2 > tiff.length) return null;
  const count = view.getUint16(start, little);
  for (let at = start + 2, left = count; left > 0 && at + 12 <= tiff.length; left -= 1, at += 12) {
    const type = view.getUint16(at + 2, little);
    const number = view.getUint32(at + 4, little);
    if (view.getUint16(at, little) !== 0x0112 || !number || !SIZES.includes(type)) continue;
    const read = {
      3: () => view.getUint16(at + 8, little),
      4: () => view.getUint32(at + 8, little),
      6: () => view.getInt8(at + 8),
      8: () => view.getInt16(at + 8, little),
      9: () => view.getInt32(at + 8, little),
    }[type];
    return read && number === 1 ? read() : 0;
  }
  return null;
}

/** A TIFF header with one entry: the orientation. */
export function tiffOf(orientation) {
  const view = new DataView(new ArrayBuffer(26));
  view.setUint16(0, 0x4949);
  view.setUint16(2, 42, true);
  view.setUint32(4, 8, true);
  view.setUint16(8, 1, true);
  view.setUint16(10, 0x0112, true);
  view.setUint16(12, 3, true);
  view.setUint32(14, 1, true);
  view.setUint16(18, orientation, true);
  return new Uint8Array(view.buffer);
}
