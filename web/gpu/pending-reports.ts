import type { Report } from "./types.ts";

interface PendingReport {
  arrived: Report | undefined;
  failed: Error | undefined;
  readonly report: Promise<Report>;
}

/** Reports under way and arrived, by number: good once, and kept until somebody asks for them or lets go of them. */
export class PendingReports {
  readonly #reports = new Map<number, PendingReport>();
  #next = 1;

  get count(): number {
    return this.#reports.size;
  }

  /** Keep what will arrive. */
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
    pending.report.catch(() => {}); // nobody has to ask
    const number = this.#next++;
    this.#reports.set(number, pending);
    return number;
  }

  /** The report, if it is there already. */
  arrived(number: number): Report | null {
    const report = this.#reports.get(number)?.arrived;
    if (report) this.#reports.delete(number);
    return report ?? null;
  }

  /** The report as soon as it is there. */
  async take(number: number): Promise<Report> {
    const pending = this.#reports.get(number);
    if (!pending) throw new RangeError(`ticket ${number}: it was used, let go of, or never given`);
    this.#reports.delete(number);
    return pending.report;
  }

  /** Let go of a report that nobody will ask for. */
  forget(number: number): void {
    this.#reports.delete(number);
  }

  /** Fail every report that has not arrived; says whether there was one. */
  fail(error: Error): boolean {
    const under = [...this.#reports.values()].filter(({ arrived }) => !arrived);
    for (const pending of under) pending.failed ??= error;
    return under.length > 0;
  }
}
