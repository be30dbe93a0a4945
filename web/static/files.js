// What a file is, and the file without what a camera wrote into it: all before anything is sent.
// The server does the same again (web/pictures.py); it trusts no browser.

import { OddFile, ascii, latin, orientationOf, tiffOf } from "./orientation.js";

const HEAD = 4096;
const TAIL = 65557;

/**
 * "jpeg", "png", "webp", the name of a format that is not read, or null; by the file's first bytes
 * as handlers/structure/formats.py has it.
 */
export function kindOf(bytes) {
  const at = (from, length) => ascii(bytes, from, length);
  if (at(0, 3) === "\xff\xd8\xff") return "jpeg";
  if (at(0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  if (at(0, 4) === "RIFF" && at(8, 4) === "WEBP") return "webp";
  const brands = brandsOf(bytes);
  if (brands.some((brand) => ["avif", "avis"].includes(brand))) return "avif";
  if (brands.some((brand) => /^(hei|hev|mif|msf)/.test(brand))) return "heic";
  if (at(0, 2) === "\xff\x0a" || at(0, 12) === "\0\0\0\x0cJXL \r\n\x87\n") return "jpeg_xl";
  if (at(0, 4) === "\xff\x4f\xff\x51" || at(0, 12) === "\0\0\0\x0cjP  \r\n\x87\n") return "jpeg_2000";
  if (at(128, 4) === "DICM") return "dicom";
  return null;
}

function brandsOf(bytes) {
  if (ascii(bytes, 4, 4) !== "ftyp") return [];
  const end = Math.min(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0), 512);
  const brands = [ascii(bytes, 8, 4)];
  for (let at = 16; at + 4 <= end; at += 4) brands.push(ascii(bytes, at, 4));
  return brands;
}

/** Whether it would open as a web page, a PDF or an archive too. */
export function isPolyglot(bytes) {
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
 * The same picture without position, camera, time, thumbnail and comments.
 *
 * Pixels and colour profile are not touched, and the orientation is kept: the answer is the one
 * that the file itself would get. A file that is not built as expected is left as it is, and so are
 * HEIC and AVIF: the server may read it all the same, and takes the same things out.
 */
export function stripped(bytes, kind) {
  const strip = { jpeg: strippedJpeg, png: strippedPng, webp: strippedWebp }[kind];
  if (!strip) return bytes;
  try {
    return joined(strip(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
  } catch (error) {
    if (!(error instanceof OddFile || error instanceof RangeError)) throw error;
    return bytes;
  }
}

function strippedJpeg(bytes, view) {
  const kept = [bytes.subarray(0, 2)];
  let exif = new Uint8Array();
  let xmp = new Uint8Array();
  let scans = 0;
  let at = 2;
  for (;;) {
    at = nextMarker(bytes, at);
    const marker = bytes[at + 1];
    // The end: phones append films and previews with positions.
    if (marker === 0xd9 || (marker === 0xd8 && scans > 0)) break;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2; // a marker without a segment
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    if (end > bytes.length) throw new OddFile();
    const content = bytes.subarray(at + 4, end);
    if (marker === 0xe1 && ascii(content, 0, 6) === "Exif\0\0") {
      exif = joined([exif, content.subarray(exif.length ? 6 : 0)]);
    } else if (marker === 0xe1 && ascii(content, 0, 29) === "http://ns.adobe.com/xap/1.0/\0") {
      xmp = content.subarray(29);
    }
    const application = marker >= 0xe0 && marker <= 0xef;
    // JFIF and Adobe say how colours are coded, a profile what they mean; the other segments and
    // comments say who and where.
    const colours = marker === 0xe0 || marker === 0xee || isProfile(marker, content);
    if (colours || (!application && marker !== 0xfe)) kept.push(bytes.subarray(at, end));
    at = end;
    if (marker === 0xda) {
      scans += 1;
      at = endOfScan(bytes, end);
      kept.push(bytes.subarray(end, at));
    }
  }
  kept.push(Uint8Array.of(0xff, 0xd9));
  const orientation = orientationOf(exif, xmp);
  if (orientation !== 1) {
    const own = joined([new TextEncoder().encode("Exif\0\0"), tiffOf(orientation)]);
    kept.splice(1, 0, Uint8Array.of(0xff, 0xe1, 0, own.length + 2), own);
  }
  return kept;
}

const isProfile = (marker, content) =>
  marker === 0xe2 && ascii(content, 0, 12) === "ICC_PROFILE\0";

/** Where the next marker is: bytes between segments belong to none. */
function nextMarker(bytes, from) {
  for (let at = from; at + 1 < bytes.length; at += 1) {
    if (bytes[at] === 0xff && bytes[at + 1] !== 0 && bytes[at + 1] !== 0xff) return at;
  }
  throw new OddFile(); // cut off
}

function endOfScan(bytes, from) {
  let at = bytes.indexOf(0xff, from);
  // A zero follows an 0xff that is data; restart markers belong to the scan.
  while (
    at >= 0 &&
    (bytes[at + 1] === 0 || bytes[at + 1] === 0xff || (bytes[at + 1] >= 0xd0 && bytes[at + 1] <= 0xd7))
  ) {
    at = bytes.indexOf(0xff, at + (bytes[at + 1] === 0xff ? 1 : 2));
  }
  return at < 0 ? bytes.length : at;
}

function strippedPng(bytes, view) {
  const kept = [bytes.subarray(0, 8)];
  let exif = new Uint8Array();
  let xmp = new Uint8Array();
  let last = "";
  for (let at = 8; last !== "IEND"; ) {
    const end = at + 12 + view.getUint32(at); // throws past the end
    if (end > bytes.length) throw new OddFile();
    last = ascii(bytes, at + 4, 4);
    const content = bytes.subarray(at + 8, end - 4);
    if (last === "eXIf") {
      exif = content;
    } else if (last === "iTXt" && isPlainXmp(content)) {
      xmp = content;
    } else if (mayHoldOrientation(last, content)) {
      throw new OddFile(); // compressed: the server reads it
    } else if (/^[A-Z]/.test(last) || last === "tRNS" || last === "iCCP") {
      kept.push(bytes.subarray(at, end)); // without the others a picture looks the same
    }
    at = end;
  }
  const orientation = orientationOf(exif, xmp);
  // Before the image data, where every reader looks for it; IHDR stands first.
  if (orientation !== 1) kept.splice(2, 0, ...pngChunk("eXIf", tiffOf(orientation)));
  return kept;
}

const XMP = "XML:com.adobe.xmp\0";
const isPlainXmp = (content) => ascii(content, 0, XMP.length + 1) === `${XMP}\0`;
const mayHoldOrientation = (name, content) =>
  ["tEXt", "zTXt", "iTXt"].includes(name) &&
  (ascii(content, 0, XMP.length) === XMP || ascii(content, 0, 22) === "Raw profile type exif\0");

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
  let exif = new Uint8Array();
  let xmp = new Uint8Array();
  let flags = null;
  const whole = 8 + view.getUint32(4, true);
  if (whole > bytes.length) throw new OddFile();
  for (let at = 12; at + 8 <= whole; ) {
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length % 2);
    const name = ascii(bytes, at, 4);
    if (at + 8 + length > whole) throw new OddFile();
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (name === "EXIF") {
      exif = exif.length ? exif : content;
    } else if (name === "XMP ") {
      xmp = xmp.length ? xmp : content;
    } else {
      const chunk = bytes.slice(at, end);
      if (name === "VP8X") flags = chunk;
      kept.push(chunk);
    }
    at = end;
  }
  const orientation = orientationOf(exif, xmp);
  if (!flags && orientation !== 1) throw new OddFile(); // metadata that the format does not have
  if (flags) {
    flags[8] &= ~0x0c; // no EXIF, no XMP
    if (orientation !== 1) {
      const tiff = tiffOf(orientation);
      flags[8] |= 0x08;
      kept.push(new TextEncoder().encode("EXIF"), littleEndian(tiff.length), tiff);
    }
  }
  const chunks = joined(kept);
  const head = bytes.slice(0, 12);
  new DataView(head.buffer).setUint32(4, chunks.length + 4, true);
  return [head, chunks];
}

function littleEndian(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
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
