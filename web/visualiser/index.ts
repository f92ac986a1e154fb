import "./dashboard.css";

export { createDashboard, type Dashboard, type DashboardOptions } from "./dashboard";
export type * from "./data/messages";
export { formatCount, formatPercent } from "./draw/format";
export { STATISTICS, type StatisticName } from "./draw/layer-statistics";
