/** As much of DNS messages as measuring needs, independent of the server's own code. */

export type QuestionType = keyof typeof TYPES;

const TYPES = { A: 1, SOA: 6, PTR: 12, AAAA: 28, SRV: 33, IXFR: 251, AXFR: 252 } as const;
const HEADER = 12;
const RD = 0x0100;
/** Octets of a SOA record's data: two names, here those of the root, and five numbers. */
const SOA_NAMES = 2;
const SOA_NUMBERS = 20;

export interface Message {
  readonly id: number;
  readonly rcode: number;
  readonly answers: number;
  readonly body: Buffer;
}

/** The id is written over by whoever sends it. */
export function encodeQuestion(name: string, type: QuestionType, id = 0): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  const length = labels.reduce((sum, label) => sum + 1 + Buffer.byteLength(label), 1);
  const message = Buffer.alloc(HEADER + length + 4);
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(type === 'AXFR' || type === 'IXFR' ? 0 : RD, 2);
  message.writeUInt16BE(1, 4);
  let at = HEADER;
  for (const label of labels) {
    message[at] = Buffer.byteLength(label);
    at += 1 + message.write(label, at + 1);
  }
  message.writeUInt16BE(TYPES[type], at + 1);
  message.writeUInt16BE(1, at + 3);
  return message;
}

/** A question for the changes since a serial: it has a SOA record with it, whose other fields nobody looks at. */
export function encodeIxfr(name: string, serial: number, id = 0): Buffer {
  const head = encodeQuestion(name, 'IXFR', id);
  head.writeUInt16BE(1, 8);
  const soa = Buffer.alloc(12 + SOA_NAMES + SOA_NUMBERS);
  soa.writeUInt16BE(0xc000 | HEADER, 0);
  soa.writeUInt16BE(TYPES.SOA, 2);
  soa.writeUInt16BE(1, 4);
  soa.writeUInt16BE(SOA_NAMES + SOA_NUMBERS, 10);
  soa.writeUInt32BE(serial, 12 + SOA_NAMES);
  return Buffer.concat([head, soa]);
}

/** The numbers of the SOA record that a message begins with, the serial first. */
export function readSoaTail(body: Buffer): Buffer {
  let at = HEADER;
  for (let i = body.readUInt16BE(4); i > 0; i--) at = skipName(body, at) + 4;
  at = skipName(body, at);
  const end = at + 10 + body.readUInt16BE(at + 8);
  return body.subarray(end - SOA_NUMBERS, end);
}

export function readMessage(body: Buffer): Message | undefined {
  if (body.length < HEADER) return undefined;
  return { id: body.readUInt16BE(0), rcode: (body[3] ?? 0) & 15, answers: body.readUInt16BE(6), body };
}

/** Is the last record of the answer section a SOA? What the last message of a transfer ends with. */
export function endsWithSoa(body: Buffer): boolean {
  let at = HEADER;
  for (let i = body.readUInt16BE(4); i > 0; i--) at = skipName(body, at) + 4;
  let type = 0;
  for (let i = body.readUInt16BE(6); i > 0; i--) {
    at = skipName(body, at);
    type = body.readUInt16BE(at);
    at += 10 + body.readUInt16BE(at + 8);
  }
  return type === TYPES.SOA;
}

/** Where the name ends. */
function skipName(body: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = body[at] ?? 0;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
  }
}

/** The octets of an IPv4 address. */
export function addressBytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}
