/** First in, first out, both in constant time (amortised), without the cost of Array.shift on long arrays. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Drops items from the front until one fits, and answers it without removing it. */
  peekWhere(fits: (item: T) => boolean): T | undefined {
    while (this.#head < this.#items.length) {
      const item = this.#items[this.#head] as T;
      if (fits(item)) return item;
      this.shift();
    }
    return undefined;
  }

  /** Drops items from the front until one fits, and removes that one too. */
  shiftWhere(fits: (item: T) => boolean): T | undefined {
    const item = this.peekWhere(fits);
    if (item !== undefined) this.shift();
    return item;
  }
}
