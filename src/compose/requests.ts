/** Questions to another thread, and their answers, which carry the number of the question. */

export class Requests<T> {
  readonly #waiting = new Map<number, (answer: T) => void>();
  #number = 0;
  #last: T | undefined;

  /** @param post sends the question with its number */
  ask(post: (request: number) => void): Promise<T> {
    const request = ++this.#number;
    return new Promise((resolve) => {
      this.#waiting.set(request, resolve);
      post(request);
    });
  }

  /**
   * As `ask`, but a thread that is busy for so long is answered for by what it said last.
   * @param milliseconds until then
   * @param nothing the answer where it has said nothing yet
   */
  async askWithin(milliseconds: number, nothing: T, post: (request: number) => void): Promise<T> {
    let request = 0;
    const answered = this.ask((number) => {
      request = number;
      post(number);
    });
    const timer = setTimeout(() => this.#settle(request, this.#last ?? nothing), milliseconds);
    try {
      return await answered;
    } finally {
      clearTimeout(timer);
    }
  }

  /** An answer has come, in time or not. */
  answer(request: number, answer: T): void {
    this.#last = answer;
    this.#settle(request, answer);
  }

  #settle(request: number, answer: T): void {
    this.#waiting.get(request)?.(answer);
    this.#waiting.delete(request);
  }
}
