import "./dashboard.css";

export { createDashboard, type Dashboard } from "./dashboard";
export { formatCount, formatPercent } from "./format";
export type * from "./messages";
export { STATISTICS, type StatisticName } from "./statistics";
