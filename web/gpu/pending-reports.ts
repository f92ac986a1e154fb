import type { Report } from "./types.ts";

interface Ticket {
  arrived: Report | undefined;
  failed: Error | undefined;
  readonly report: Promise<Report>;
}

/** Reports under way and arrived, by number: good once, and kept until somebody asks for them or lets go of them. */
export class Tickets {
  readonly #tickets = new Map<number, Ticket>();
  #next = 1;

  get count(): number {
    return this.#tickets.size;
  }

  /** Keep what will arrive. */
  add(coming: Promise<Report>): number {
    const ticket: Ticket = {
      arrived: undefined,
      failed: undefined,
      report: coming.then((report) => {
        if (ticket.failed) throw ticket.failed;
        ticket.arrived = report;
        return report;
      }),
    };
    ticket.report.catch(() => {}); // nobody has to ask
    const number = this.#next++;
    this.#tickets.set(number, ticket);
    return number;
  }

  /** The report, if it is there already. */
  arrived(number: number): Report | null {
    const report = this.#tickets.get(number)?.arrived;
    if (report) this.#tickets.delete(number);
    return report ?? null;
  }

  /** The report as soon as it is there. */
  async take(number: number): Promise<Report> {
    const ticket = this.#tickets.get(number);
    if (!ticket) throw new RangeError(`ticket ${number}: it was used, let go of, or never given`);
    this.#tickets.delete(number);
    return ticket.report;
  }

  /** Let go of a report that nobody will ask for. */
  forget(number: number): void {
    this.#tickets.delete(number);
  }

  /** Fail every report that has not arrived; says whether there was one. */
  fail(error: Error): boolean {
    const under = [...this.#tickets.values()].filter(({ arrived }) => !arrived);
    for (const ticket of under) ticket.failed ??= error;
    return under.length > 0;
  }
}
