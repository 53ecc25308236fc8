// The files attached to a .tflite: a stored zip archive that follows the model.

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const START = "PK\x03\x04";

/**
 * Reads the files attached to a .tflite.
 * @param {Uint8Array} bytes The whole file.
 * @returns {Map<string, string>} Their texts by name; empty if nothing is attached.
 */
export function attachedFiles(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const files = new Map();
  const end = endRecord(view);
  if (end < 0) {
    // Of all that a model holds, only an archive names its files this way.
    if (latin(bytes).includes(START)) throw damaged("cut off");
    return files;
  }
  try {
    let at = view.getUint32(end + 16, true);
    for (let left = view.getUint16(end + 10, true); left > 0; left--) {
      if (view.getUint32(at, true) !== ENTRY) throw damaged("damaged");
      const [stored, sum] = [view.getUint16(at + 10, true) === 0, view.getUint32(at + 16, true)];
      const size = view.getUint32(at + 20, true);
      const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
      const file = utf8(bytes.subarray(at + 46, at + 46 + name));
      if (!stored) throw new Error(`${file} in model.tflite is compressed; it must be stored.`);
      const local = view.getUint32(at + 42, true);
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      const content = bytes.subarray(start, start + size);
      if (content.length !== size || crc32(content) !== sum) throw damaged("damaged");
      files.set(file, utf8(content));
      at += 46 + name + extra + comment;
    }
  } catch (error) {
    throw error instanceof RangeError || error instanceof TypeError ? damaged("damaged") : error;
  }
  return files;
}

function endRecord(view) {
  // An archive may end in a comment, of at most 65,535 bytes.
  const first = Math.max(0, view.byteLength - 22 - 0xffff);
  for (let at = view.byteLength - 22; at >= first; at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  return -1;
}

function crc32(bytes) {
  let sum = -1;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

const utf8 = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
const latin = (bytes) => new TextDecoder("latin1").decode(bytes);

function damaged(how) {
  return new Error(`The files attached to model.tflite are ${how}. Copy or export it again.`);
}
