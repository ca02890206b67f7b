/** SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short inputs, what DNS cookies are made with (RFC 9018 §4.4). */

const BLOCK = 8;
/** Of its four 64-bit words, each as its low and its high half. */
const V0 = 0;
const V1 = 2;
const V2 = 4;
const V3 = 6;
/** "somepseudorandomlygeneratedbytes", in those words. */
const START = [0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462] as const;

/** One call at a time uses it, from its beginning to its end. */
const state = new Uint32Array(8);

/**
 * @param key 16 octets
 * @returns 8 octets
 */
export function sipHash24(key: Uint8Array, message: Uint8Array): Buffer {
  for (let i = 0; i < state.length; i++) {
    const half = i % 4;
    state[i] = (START[i] as number) ^ readU32(key, half * 4);
  }
  const whole = message.length - (message.length % BLOCK);
  for (let at = 0; at < whole; at += BLOCK) mix(readU32(message, at), readU32(message, at + 4));
  const last = new Uint8Array(BLOCK);
  last.set(message.subarray(whole));
  last[BLOCK - 1] = message.length;
  mix(readU32(last, 0), readU32(last, 4));
  state[V2] = (state[V2] as number) ^ 0xff;
  for (let i = 0; i < 4; i++) round();
  const hash = Buffer.allocUnsafe(BLOCK);
  for (const half of [0, 1]) {
    const word = at(V0 + half) ^ at(V1 + half) ^ at(V2 + half) ^ at(V3 + half);
    hash.writeInt32LE(word, half * 4);
  }
  return hash;
}

function mix(low: number, high: number): void {
  xorHalves(V3, low, high);
  round();
  round();
  xorHalves(V0, low, high);
}

function round(): void {
  add(V0, V1);
  rotate(V1, 13);
  xor(V1, V0);
  swap(V0);
  add(V2, V3);
  rotate(V3, 16);
  xor(V3, V2);
  add(V0, V3);
  rotate(V3, 21);
  xor(V3, V0);
  add(V2, V1);
  rotate(V1, 17);
  xor(V1, V2);
  swap(V2);
}

function at(i: number): number {
  return state[i] as number;
}

function add(to: number, from: number): void {
  const low = at(to) + at(from);
  state[to + 1] = at(to + 1) + at(from + 1) + (low > 0xffff_ffff ? 1 : 0);
  state[to] = low;
}

function xor(to: number, from: number): void {
  xorHalves(to, at(from), at(from + 1));
}

function xorHalves(to: number, low: number, high: number): void {
  state[to] = at(to) ^ low;
  state[to + 1] = at(to + 1) ^ high;
}

/** To the left, by less than 32 bits. */
function rotate(word: number, bits: number): void {
  const low = at(word);
  const high = at(word + 1);
  state[word] = (low << bits) | (high >>> (32 - bits));
  state[word + 1] = (high << bits) | (low >>> (32 - bits));
}

/** Rotates by 32 bits. */
function swap(word: number): void {
  const low = at(word);
  state[word] = at(word + 1);
  state[word + 1] = low;
}

function readU32(octets: Uint8Array, at: number): number {
  return (
    ((octets[at] as number) |
      ((octets[at + 1] as number) << 8) |
      ((octets[at + 2] as number) << 16) |
      ((octets[at + 3] as number) << 24)) >>>
    0
  );
}
