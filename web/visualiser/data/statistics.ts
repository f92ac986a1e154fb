import { STATISTICS } from "../../generated/statistics";

/** The statistics of a layer as Python declares them; labels and colours are the page's, in `draw/`. */
export const MEASURED = STATISTICS;

/** Name of a statistic that Python measures, and of its column. */
export type MeasuredName = (typeof MEASURED)[number]["name"];
/** Kind of a statistic: how it is measured, and so how it reads best. */
export type StatisticKind = (typeof MEASURED)[number]["kind"];

/** The declaration of a statistic. */
export function measured(name: MeasuredName): (typeof MEASURED)[number] {
  return MEASURED.find((candidate) => candidate.name === name) as (typeof MEASURED)[number];
}
