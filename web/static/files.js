// What a file is, and the file without what a camera wrote into it: all before anything is sent.
// The server does the same again (web/pictures.py, web/disguises.py); it trusts no browser.

const HEAD = 4096;
const TAIL = 65557;

const ascii = (bytes, from, length) => String.fromCharCode(...bytes.subarray(from, from + length));

// Longer than String.fromCharCode takes as arguments.
const latin = (bytes) => new TextDecoder("latin1").decode(bytes);

/** "jpeg", "png", "webp", "heic" or null, by the file's first bytes. */
export function kindOf(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return "jpeg";
  if (ascii(bytes, 0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 4) === "WEBP") return "webp";
  if (/^ftyp(hei|hev|mif|avif)/.test(ascii(bytes, 4, 8))) return "heic";
  return null;
}

/** Whether it would open as a web page, a PDF or an archive too. */
export function isTwoThings(bytes) {
  const head = latin(bytes.subarray(0, HEAD));
  const tail = latin(bytes.subarray(Math.max(0, bytes.length - TAIL)));
  const page = /<(script|html|svg|iframe)[\s>/]|<!doctype\s|<\?php/i;
  return (
    page.test(head) ||
    page.test(tail) ||
    head.includes("%PDF-") ||
    ["PK\x05\x06", "Rar!\x1a\x07", "7z\xbc\xaf\x27\x1c"].some((sign) => tail.includes(sign))
  );
}

/**
 * The same picture without position, camera, time, thumbnail, comments and colour profile.
 *
 * Pixels are not touched, so the answer is the one that the file itself would get. The orientation
 * is kept. Throws where the file is not built as its format says.
 */
export function stripped(bytes, kind) {
  const strip = { jpeg: strippedJpeg, png: strippedPng, webp: strippedWebp }[kind];
  return joined(strip(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
}

function strippedJpeg(bytes, view) {
  const kept = [bytes.subarray(0, 2)];
  let orientation = 1;
  let at = 2;
  while (at < bytes.length) {
    if (bytes[at] !== 0xff) throw new Error("no marker");
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1; // a fill byte
      continue;
    }
    if (marker === 0xd9) break; // the end: phones append films and previews with positions
    const end = at + 2 + view.getUint16(at + 2);
    if (end > bytes.length) throw new Error("cut off");
    const application = marker >= 0xe0 && marker <= 0xef;
    if (marker === 0xe1 && ascii(bytes, at + 4, 6) === "Exif\0\0") {
      orientation = orientationOf(bytes.subarray(at + 10, end));
    }
    // JFIF and Adobe say how colours are coded; the other segments and comments say who and where.
    if ((!application || marker === 0xe0 || marker === 0xee) && marker !== 0xfe) {
      kept.push(bytes.subarray(at, end));
    }
    at = marker === 0xda ? endOfScan(bytes, end) : end;
    if (marker === 0xda) kept.push(bytes.subarray(end, at));
  }
  if (at >= bytes.length) throw new Error("no end");
  kept.push(Uint8Array.of(0xff, 0xd9));
  if (orientation !== 1) {
    const exif = joined([new TextEncoder().encode("Exif\0\0"), tiffOf(orientation)]);
    kept.splice(1, 0, Uint8Array.of(0xff, 0xe1, 0, exif.length + 2), exif);
  }
  return kept;
}

function endOfScan(bytes, from) {
  let at = bytes.indexOf(0xff, from);
  // A zero follows an 0xff that is data; restart markers belong to the scan.
  while (at >= 0 && (bytes[at + 1] === 0 || (bytes[at + 1] >= 0xd0 && bytes[at + 1] <= 0xd7))) {
    at = bytes.indexOf(0xff, at + 2);
  }
  return at < 0 ? bytes.length : at;
}

function strippedPng(bytes, view) {
  const kept = [bytes.subarray(0, 8)];
  for (let at = 8; ; ) {
    const end = at + 12 + view.getUint32(at); // throws past the end
    if (end > bytes.length) throw new Error("cut off");
    const name = ascii(bytes, at + 4, 4);
    if (name === "eXIf") {
      const orientation = orientationOf(bytes.subarray(at + 8, end - 4));
      if (orientation !== 1) kept.push(...pngChunk("eXIf", tiffOf(orientation)));
    } else if (/^[A-Z]/.test(name) || name === "tRNS") {
      kept.push(bytes.subarray(at, end)); // without the others a picture looks the same
    }
    if (name === "IEND") return kept;
    at = end;
  }
}

function pngChunk(name, data) {
  const named = joined([new TextEncoder().encode(name), data]);
  return [numbered(data.length), named, numbered(crc(named))];
}

function numbered(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

function strippedWebp(bytes, view) {
  const kept = [];
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length % 2);
    const name = ascii(bytes, at, 4);
    if (at + 8 + length > bytes.length) throw new Error("cut off");
    if (name === "EXIF") {
      const data = bytes.subarray(at + 8, at + 8 + length);
      const tiff = tiffOf(orientationOf(ascii(data, 0, 6) === "Exif\0\0" ? data.subarray(6) : data));
      const head = bytes.slice(at, at + 8);
      new DataView(head.buffer).setUint32(4, tiff.length, true);
      kept.push(head, tiff);
    } else if (name === "VP8X") {
      const extended = bytes.slice(at, end);
      extended[8] &= ~0x24; // no colour profile, no XMP
      kept.push(extended);
    } else if (!["ICCP", "XMP "].includes(name)) {
      kept.push(bytes.subarray(at, end));
    }
    at = end;
  }
  const chunks = joined(kept);
  const head = bytes.slice(0, 12);
  new DataView(head.buffer).setUint32(4, chunks.length + 4, true);
  return [head, chunks];
}

/** EXIF's orientation, 1 to 8; 1 where nothing can be read. */
function orientationOf(tiff) {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  try {
    const little = view.getUint16(0) === 0x4949;
    const first = view.getUint32(4, little);
    for (let entry = 0; entry < view.getUint16(first, little); entry += 1) {
      const at = first + 2 + 12 * entry;
      const value = view.getUint16(at + 8, little);
      if (view.getUint16(at, little) === 0x0112) return value >= 1 && value <= 8 ? value : 1;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

/** A TIFF header with one entry: the orientation. */
function tiffOf(orientation) {
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

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
