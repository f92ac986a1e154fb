import type { Report } from "./types.ts";

interface PendingReport {
  arrived: Report | undefined;
  failed: Error | undefined;
  readonly report: Promise<Report>;
}

/** Reports of runs, by ticket: each can be fetched once, and is kept until it is fetched or forgotten. */
export class PendingReports {
  readonly #reports = new Map<number, PendingReport>();
  #next = 1;

  get count(): number {
    return this.#reports.size;
  }

  /** Add a report that will arrive; returns its ticket. */
  add(coming: Promise<Report>): number {
    const pending: PendingReport = {
      arrived: undefined,
      failed: undefined,
      report: coming.then((report) => {
        if (pending.failed) throw pending.failed;
        pending.arrived = report;
        return report;
      }),
    };
    pending.report.catch(() => {}); // it may never be fetched
    const number = this.#next++;
    this.#reports.set(number, pending);
    return number;
  }

  /** The report if it has arrived, else null. */
  arrived(number: number): Report | null {
    const report = this.#reports.get(number)?.arrived;
    if (report) this.#reports.delete(number);
    return report ?? null;
  }

  /** The report, once it has arrived. */
  async take(number: number): Promise<Report> {
    const pending = this.#reports.get(number);
    if (!pending)
      throw new RangeError(
        `ticket ${number}: expected the ticket of a pending report; it was used, forgotten or never issued`,
      );
    this.#reports.delete(number);
    return pending.report;
  }

  /** Drop a report that will not be fetched. */
  forget(number: number): void {
    this.#reports.delete(number);
  }

  /** Fail every report that has not arrived; returns whether there was one. */
  fail(error: Error): boolean {
    const waiting = [...this.#reports.values()].filter(({ arrived }) => !arrived);
    for (const pending of waiting) pending.failed ??= error;
    return waiting.length > 0;
  }
}
