import "./dashboard.css";

export { createDashboard, type Dashboard } from "./dashboard";
export type * from "./data/messages";
export { STATISTICS, type StatisticName } from "./data/statistics";
export { formatCount, formatPercent } from "./draw/format";
