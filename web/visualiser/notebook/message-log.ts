import type { ObservationMessage } from "../data/messages";

/** A message and its place in the order of sending. */
export type Numbered = ObservationMessage & { readonly number: number };

interface View {
  push(message: ObservationMessage): void;
  reset(): void;
}

/** Most messages that are kept; at twenty a second a quarter of an hour of training. */
const CAPACITY = 20_000;

/** Messages in order of sending, each once, whatever the order of arrival; views that follow them. */
export class MessageLog {
  readonly #messages: Numbered[] = [];
  readonly #views = new Set<View>();
  #stale = false;

  add(message: Numbered): void {
    const last = this.#messages.at(-1);
    if (last === undefined || message.number > last.number) {
      this.#messages.push(message);
      // The first is the network's structure, which every other message needs.
      if (this.#messages.length > CAPACITY) this.#messages.splice(1, 1);
      if (!this.#stale) for (const view of this.#views) view.push(message);
      return;
    }
    const place = this.#messages.findIndex((kept) => kept.number >= message.number);
    if (this.#messages[place]?.number === message.number) return;
    this.#messages.splice(place, 0, message);
    if (this.#stale) return;
    this.#stale = true; // views start over, once for all messages that are late
    queueMicrotask(() => {
      this.#stale = false;
      for (const view of this.#views) {
        view.reset();
        this.#replay(view);
      }
    });
  }

  /** Gives a view every message; returns a function that ends it. */
  follow(view: View): () => void {
    this.#replay(view);
    this.#views.add(view);
    return () => this.#views.delete(view);
  }

  #replay(view: View): void {
    for (const message of this.#messages) view.push(message);
  }
}
