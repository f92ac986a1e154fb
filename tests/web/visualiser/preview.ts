/**
 * Shows the dashboard with a synthetic run, for work on its design: `npx vite .`, then open
 * /tests/web/visualiser/preview.html?network=mlp|grid&steps=600&diverges=400&statistic=gradient_norm.
 */
import { createDashboard, type StatisticName } from "../../../web/visualiser";
import { grid, makeRun, mlp } from "./generator";

const query = new URLSearchParams(location.search);
const app = document.querySelector<HTMLElement>("#app");
if (!app) throw new Error("preview.html has no #app.");
const dashboard = createDashboard(app);
const diverges = query.get("diverges");
const run = makeRun({
  blueprint: query.get("network") === "grid" ? grid() : mlp(),
  steps: Number(query.get("steps") ?? 600),
  ...(diverges ? { divergesAt: Number(diverges) } : {}),
});
for (const messages of run) {
  for (const message of messages) dashboard.push(message);
}
const statistic = query.get("statistic");
if (statistic) dashboard.setStatistic(statistic as StatisticName);
dashboard.setRunning(false);
