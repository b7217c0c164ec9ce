const blockBytes = 64;
const lengthBytes = 8;

/** Word order, rotations, constant and function of the three rounds (RFC 1320, section 3.4). */
const rounds: readonly Round[] = [
  {
    words: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    rotations: [3, 7, 11, 19],
    constant: 0,
    mix: (x, y, z) => (x & y) | (~x & z),
  },
  {
    words: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    rotations: [3, 5, 9, 13],
    constant: 0x5a827999,
    mix: (x, y, z) => (x & y) | (x & z) | (y & z),
  },
  {
    words: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    rotations: [3, 9, 11, 15],
    constant: 0x6ed9eba1,
    mix: (x, y, z) => x ^ y ^ z,
  },
];

interface Round {
  words: readonly number[];
  rotations: readonly number[];
  constant: number;
  mix(x: number, y: number, z: number): number;
}

/**
 * The MD4 digest (RFC 1320), which NTLM makes of a password and which OpenSSL 3 keeps in its legacy provider only.
 * Broken as a hash for anything else: do not use it elsewhere.
 *
 * @returns 16 bytes
 */
export function md4(data: Uint8Array): Buffer {
  const padded = pad(data);
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  for (let block = 0; block < padded.length; block += blockBytes) {
    const before = Uint32Array.from(state);
    for (const { words, rotations, constant, mix } of rounds) {
      for (const [step, word] of words.entries()) {
        // The four words of the state take turns: the one in first place is replaced, the others are mixed in.
        const [a, b, c, d] = [0, 1, 2, 3].map((place) => (place - step) & 3) as [
          number,
          number,
          number,
          number,
        ];
        const input = padded.readUInt32LE(block + 4 * word);
        const mixed = at(state, a) + mix(at(state, b), at(state, c), at(state, d)) + input + constant;
        state[a] = rotateLeft(mixed, rotations[step & 3] as number);
      }
    }
    for (let index = 0; index < state.length; index += 1) state[index] = at(state, index) + at(before, index);
  }
  const digest = Buffer.alloc(16);
  for (const [index, value] of state.entries()) digest.writeUInt32LE(value, 4 * index);
  return digest;
}

/** The data, a single set bit, zeros, and the length in bits. */
function pad(data: Uint8Array): Buffer {
  const blocks = Math.ceil((data.length + 1 + lengthBytes) / blockBytes);
  const padded = Buffer.alloc(blocks * blockBytes);
  padded.set(data);
  padded[data.length] = 0x80;
  padded.writeBigUInt64LE(BigInt(data.length) * 8n, padded.length - lengthBytes);
  return padded;
}

function at(state: Uint32Array, index: number): number {
  return state[index] as number;
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
