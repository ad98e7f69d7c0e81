// The record of a run, checked where it is read (docs/record-format.md): bytes, order, chain, end, and the signed log.
// It works in a thread of its own, so that the page answers meanwhile, and on each line as soon as it has arrived.
// @ts-check

// ---------------------------------------------------------------------------------------------------------------
// SHA-256 (FIPS 180-4). A browser has it too, and hands every call to another thread: for ten thousand lines of a few
// hundred bytes that takes several times as long as the hashes do. The browser checks compare the two.

const ROUNDS = Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);
const BEGIN = Int32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
const words = new Int32Array(64);
let room = new Uint8Array(1 << 14);

/** The parts one after the other, with the end that the algorithm wants, in `room`; how many bytes that are.
 *  @param {Uint8Array[]} parts */
function padded(parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const size = (Math.floor((length + 8) / 64) + 1) * 64;
  if (size > room.length) room = new Uint8Array(2 * size);
  let at = 0;
  for (const part of parts) {
    room.set(part, at);
    at += part.length;
  }
  room.fill(0, length, size);
  room[length] = 0x80;
  new DataView(room.buffer).setBigUint64(size - 8, BigInt(length) * 8n);
  return size;
}

/** @param {Int32Array} state @param {number} at */
function block(state, at) {
  for (let i = 0, j = at; i < 16; i += 1, j += 4) words[i] = room[j] << 24 | room[j + 1] << 16 | room[j + 2] << 8 | room[j + 3];
  for (let i = 16; i < 64; i += 1) {
    const [x, y] = [words[i - 15], words[i - 2]];
    const one = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3;
    const two = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10;
    words[i] = words[i - 16] + one + words[i - 7] + two | 0;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i += 1) {
    const up = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
    const first = h + up + (e & f ^ ~e & g) + ROUNDS[i] + words[i] | 0;
    const down = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
    const second = down + (a & b ^ a & c ^ b & c) | 0;
    h = g; g = f; f = e; e = d + first | 0;
    d = c; c = b; b = a; a = first + second | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

/** SHA-256 over parts, one after the other. @param {Uint8Array[]} parts */
export function sha256(...parts) {
  const [size, state] = [padded(parts), BEGIN.slice()];
  for (let at = 0; at < size; at += 64) block(state, at);
  const digest = new Uint8Array(32);
  const view = new DataView(digest.buffer);
  for (const [index, word] of state.entries()) view.setInt32(4 * index, word);
  return digest;
}

const [LEAF, NODE] = [Uint8Array.of(0), Uint8Array.of(1)];
const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** @param {Uint8Array} bytes */
function hex(bytes) {
  let text = '';
  for (const byte of bytes) text += PAIRS[byte];
  return text;
}

/** @param {string} text */
const unhex = (text) => Uint8Array.from(text.replace(/^sha256:/, '').match(/../g) ?? [], (pair) => parseInt(pair, 16));
/** @param {string} text */
const unbase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// ---------------------------------------------------------------------------------------------------------------
// One event after the other

/** The one spelling that a document has (section 1). @param {any} value @returns {string} */
function spelled(value) {
  if (Array.isArray(value)) return `[${value.map(spelled).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const order = (/** @type {string} */ a, /** @type {string} */ b) => {
    const [one, other] = [[...a], [...b]];
    for (let i = 0; i < Math.min(one.length, other.length); i += 1) {
      const by = (one[i]?.codePointAt(0) ?? 0) - (other[i]?.codePointAt(0) ?? 0);
      if (by) return by;
    }
    return one.length - other.length;
  };
  return `{${Object.keys(value).sort(order).map((key) => `${JSON.stringify(key)}:${spelled(value[key])}`).join(',')}}`;
}

/** Whether every name in a document stands behind the one before it. @param {any} value @returns {boolean} */
function ordered(value) {
  if (value === null || typeof value !== 'object') return true;
  if (Array.isArray(value)) return value.every(ordered);
  let before;
  for (const name in value) {
    if (before !== undefined && before >= name || !ordered(value[name])) return false;
    before = name;
  }
  return true;
}

/** Whether a text is the one spelling of what it says. Hardly any needs to be spelled again to know: a browser writes what
 *  it has read in the order in which it was read, and compares names as the format does below the surrogates.
 *  @param {string} text @param {any} value */
function isSpelled(text, value) {
  if (!/[\ud800-\uffff]/.test(text) && ordered(value) && JSON.stringify(value) === text) return true;
  return spelled(value) === text;
}

/** @typedef {{ events: number, brokenAt?: number, because?: string, head?: Uint8Array, ended: boolean }} Chain */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ENDS = ['run.completed', 'run.failed', 'run.cancelled'];

/** Takes the next event of a run: its spelling, its place, and that it names the one before it. Says whether the record is
 *  whole so far. @param {Chain} chain @param {Uint8Array} line @param {string} run */
function take(chain, line, run) {
  const seq = chain.events;
  const broken = (/** @type {string} */ because, at = seq) => {
    [chain.brokenAt, chain.because] = [at, because];
    return false;
  };
  let event;
  let text;
  try {
    text = decoder.decode(line);
    event = JSON.parse(text);
  } catch {
    return broken('it cannot be read');
  }
  if (!isSpelled(text, event)) return broken('it is not spelled as it was stored');
  if (event.seq !== seq || event.stream !== run) return broken(`it is #${event.seq} of ${event.stream}`);
  const before = chain.head ? `sha256:${hex(chain.head)}` : null;
  if (event.prev !== before) return broken('its content does not match the hash that the next event names', Math.max(0, seq - 1));
  if (chain.ended) return broken('it stands after the end of the run');
  chain.ended = ENDS.includes(event.type);
  const totals = event.body?.totals;
  if (chain.ended && totals && (totals.events !== seq + 1 || totals.head !== event.prev)) return broken('the end of the run counts other events');
  chain.events += 1;
  chain.head = sha256(LEAF, line);
  return true;
}

/** Reads the events of a run, exactly as they were stored, until their end or the first that is not as it was. @param {string} run */
async function read(run) {
  const answer = await fetch(`/studio/runs/${run}/events.jsonl`, { cache: 'no-store' });
  if (!answer.ok || !answer.body) throw new Error(`the server answered ${answer.status} when it was asked for the events`);
  const reader = answer.body.getReader();
  /** @type {Chain} */
  const chain = { events: 0, ended: false };
  let rest = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    const piece = done ? rest : joined(rest, value);
    let from = 0;
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      if (!take(chain, piece.subarray(from, end), run)) return reader.cancel().then(() => chain);
      from = end + 1;
    }
    rest = piece.slice(from);
    if (!done) continue;
    if (rest.length > 0) take(chain, rest, run);
    return chain;
  }
}

/** @param {Uint8Array} one @param {Uint8Array} other */
function joined(one, other) {
  if (one.length === 0) return other;
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

// ---------------------------------------------------------------------------------------------------------------
// The log in which they stand

/** The root that a leaf and the hashes beside its way lead to (RFC 9162, 2.1.3.2). @param {Uint8Array} leaf @param {number} index
 *  @param {number} size @param {string[]} way */
function root(leaf, index, size, way) {
  let [at, last, here] = [index, size - 1, leaf];
  for (const step of way) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      here = sha256(NODE, unhex(step), here);
      while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else here = sha256(NODE, here, unhex(step));
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? here : null;
}

/** Whether one of these keys signed the note (c2sp.org/signed-note). Undefined where this browser checks no Ed25519: because
 *  it does not know it, or because the page came neither from this machine nor over HTTPS.
 *  @param {string} note @param {string[]} keys */
async function signed(note, keys) {
  if (!globalThis.crypto?.subtle) return undefined;
  const [text, signatures] = [note.slice(0, note.indexOf('\n\n') + 1), note.slice(note.indexOf('\n\n') + 2).split('\n')];
  for (const key of keys) {
    const [name, id, material] = [key.split('+')[0], key.split('+')[1], unbase64(key.split('+').slice(2).join('+'))];
    for (const line of signatures) {
      const [dash, by, value] = line.split(' ');
      if (dash !== '—' || by !== name || !value) continue;
      const bytes = unbase64(value);
      if (hex(bytes.subarray(0, 4)) !== id) continue;
      const imported = await crypto.subtle.importKey('raw', material.subarray(1), 'Ed25519', false, ['verify']).catch(() => null);
      if (!imported) return undefined;
      if (await crypto.subtle.verify('Ed25519', imported, bytes.subarray(4), new TextEncoder().encode(text))) return true;
    }
  }
  return false;
}

/** @typedef {{ level: string, lines: [string, string][], brokenAt?: number, events: number }} Verdict */

/** Checks a run and says what was found. @param {string} run @returns {Promise<Verdict>} */
export async function verify(run) {
  const proof = fetch(`/studio/runs/${run}/proof`, { cache: 'no-store' }).then((answer) => answer.json());
  const [found, told] = await Promise.all([read(run), proof]);
  /** @type {Verdict} */
  const verdict = { level: 'intact', lines: [], brokenAt: found.brokenAt, events: found.events };
  const add = (/** @type {boolean | undefined} */ good, /** @type {string} */ text) => verdict.lines.push([good === undefined ? '○' : good ? '✓' : '✗', text]);
  if (found.brokenAt !== undefined) {
    add(false, `event #${found.brokenAt}: ${found.because}`);
    return { ...verdict, level: 'broken' };
  }
  add(true, `${found.events} of ${found.events} events are as they were written and follow one another`);
  add(found.ended || undefined, found.ended ? 'the last event ends the run and counts all before it' : 'the run has not ended');
  const { proof: place, checkpoint, keys } = told;
  const inclusion = place?.inclusion;
  if (inclusion && found.head) {
    const top = root(found.head, inclusion.leafIndex, place.treeSize, inclusion.hashes);
    const size = Number(checkpoint.note.split('\n')[1]);
    const fits = top !== null && size === place.treeSize && hex(top) === hex(unbase64(checkpoint.note.split('\n')[2]));
    add(fits, `the newest event ${fits ? 'stands' : 'does not stand'} in the log of ${size} entries`);
    const by = await signed(checkpoint.note, (keys?.keys ?? []).map((/** @type {{ key: string }} */ it) => it.key));
    add(by, by === undefined ? 'signatures can be checked only on this machine or over HTTPS, by a browser that knows Ed25519' : `the head of the log is ${by ? '' : 'not '}signed by ${checkpoint.keyId}`);
    if (!fits || by === false) verdict.level = 'broken';
    else if (by) verdict.level = 'signed';
  } else add(undefined, 'the newest event is not in a signed head of the log yet');
  add(undefined, 'no witness was asked: the log’s owner could show others another history');
  return verdict;
}

// In a thread of its own: told a run, it answers what was found, or why nothing was.
if (!('document' in globalThis)) {
  globalThis.onmessage = (event) => {
    verify(event.data).catch((error) => ({ level: 'incomplete', lines: [['○', String(error)]], events: 0 })).then((verdict) => postMessage(verdict));
  };
}
