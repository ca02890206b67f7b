/** Server-sent events out of a stream of text: what EventSource does, which can't send a token. */

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** Takes text as it comes, in pieces of any size. */
export class EventParser {
  #rest = '';
  /** The id to go on with. */
  lastId = '';

  /** @returns the events that are whole */
  push(text: string): ServerEvent[] {
    this.#rest += text;
    const blocks = this.#rest.split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => this.#read(block));
  }

  #read(block: string): ServerEvent[] {
    let event = 'message';
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      const [field, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
      if (field === 'id') this.lastId = value;
      else if (field === 'event') event = value;
      else if (field === 'data') data.push(value);
    }
    return data.length === 0 ? [] : [{ event, data: data.join('\n') }];
  }
}
