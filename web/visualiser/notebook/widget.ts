import { createDashboard, type Dashboard } from "../dashboard";
import type { ObservationMessage } from "../data/messages";
import { el } from "../draw/dom";
import { MessageLog, type Numbered } from "./message-log";
import { withStyles } from "./styles";

type Listener = (content: Numbered, buffers: readonly DataView[]) => void;

/** What anywidget gives: the widget's counterpart in Python. */
export interface Model {
  on(event: "msg:custom", listener: Listener): void;
  off(event: "msg:custom", listener: Listener): void;
  send(content: object): void;
}

/** Milliseconds without a message after which a widget asks for those that were sent before it listened. */
const QUIET_MS = 300;

/** The message with the numbers of its buffer. */
function withNumbers(content: Numbered, view: DataView | undefined): Numbered {
  if (!view) return content;
  const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength); // a copy, aligned to 4 bytes
  return { ...content, data: new Float32Array(bytes as ArrayBuffer) } as Numbered;
}

/**
 * The two functions that anywidget calls, for one widget.
 *
 * It keeps messages from its creation on, whether or not a view has been drawn: Python sends them while it is busy
 * training. Those from before, it asks for, and gets when Python is idle.
 */
export function widget() {
  const log = new MessageLog();
  return {
    initialize({ model }: { model: Model }): () => void {
      let asked = false;
      const ask = (before?: number): void => {
        if (!asked) model.send({ kind: "history", before });
        asked = true;
      };
      const listen: Listener = (content, buffers) => {
        ask(content.number);
        log.add(withNumbers(content, buffers?.[0]));
      };
      model.on("msg:custom", listen);
      const timer = setTimeout(ask, QUIET_MS);
      return () => {
        clearTimeout(timer);
        model.off("msg:custom", listen);
      };
    },
    /** Draws the dashboard into an output of the notebook. */
    render({ el: output }: { el: HTMLElement }): () => void {
      const root = el("div");
      output.append(withStyles(root));
      const dashboard = createDashboard(root);
      const leave = log.follow({
        push: (message) => push(dashboard, message),
        reset: () => dashboard.reset(),
      });
      return () => {
        leave();
        dashboard.dispose();
      };
    },
  };
}

/** Time stands still between runs. */
function push(dashboard: Dashboard, message: ObservationMessage): void {
  const types = message.kind === "training" ? message.types : [];
  if (types.includes("train_start")) dashboard.setRunning(true);
  dashboard.push(message);
  if (types.at(-1) === "train_end") dashboard.setRunning(false);
}
