import { createLoom } from "../bridge/index.ts";
import { App } from "./app";
import { loadDigits } from "./digits";
import { showFailure } from "./failure";
import { LoadingView } from "./loading";
import { part } from "./page";

document.documentElement.dataset.started = "yes";
const loading = new LoadingView();
try {
  const [digits, loom] = await Promise.all([
    loadDigits(),
    createLoom({ onProgress: (progress) => loading.show(progress) }),
  ]);
  loading.end();
  part("main", HTMLElement).hidden = false;
  await new App(loom, digits).begin();
} catch (error) {
  loading.end();
  part("main", HTMLElement).hidden = true;
  const chip = part("state", HTMLParagraphElement);
  chip.textContent = "Could not start";
  chip.dataset.state = "failed";
  showFailure(error);
}
