interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: Error): void;
}

/**
 * A bounded queue between a stream and its reader.
 *
 * When it is full, the oldest droppable item is dropped and counted; other items (few: blueprints and anomalies) stay.
 */
export class BoundedQueue<T> {
  readonly #items: T[] = [];
  readonly #waiting: Waiting<T>[] = [];
  readonly #capacity: number;
  readonly #mayDrop: (item: T) => boolean;
  #error: Error | undefined;
  #closed = false;
  #dropped = 0;

  constructor(capacity: number, mayDrop: (item: T) => boolean = () => true) {
    this.#capacity = capacity;
    this.#mayDrop = mayDrop;
  }

  /** Items dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  push(item: T): void {
    if (this.#closed) return;
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting.resolve({ done: false, value: item });
      return;
    }
    this.#items.push(item);
    if (this.#items.length > this.#capacity) this.#dropOldest();
  }

  /** Remove all waiting items. */
  clear(): void {
    this.#items.length = 0;
  }

  /** Close the queue: waiting items are still delivered, then the iteration ends, or throws the error once. */
  close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    for (const waiting of this.#waiting.splice(0)) this.#end(waiting);
  }

  /** The next item, once there is one. */
  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      const item = this.#items.shift();
      if (item !== undefined) resolve({ done: false, value: item });
      else if (this.#closed) this.#end({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  #dropOldest(): void {
    const at = this.#items.findIndex(this.#mayDrop);
    if (at < 0) return;
    this.#items.splice(at, 1);
    this.#dropped += 1;
  }

  #end(waiting: Waiting<T>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error) waiting.reject(error);
    else waiting.resolve({ done: true, value: undefined });
  }
}
