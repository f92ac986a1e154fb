import { flattenBlueprint, structureOf } from "./blueprint";
import { ColumnTable } from "./column-table";
import { History, Smoother } from "./history";
import { LayerState, PassStats } from "./layer-state";
import type { AnomalyMessage, Blueprint, ObservationMessage, StatsMessage, TrainingMessage } from "./messages";
import { StepRate } from "./step-rate";

export interface Anomaly {
  readonly step: number | undefined;
  readonly path: string | undefined;
  readonly text: string;
  /** Inferred from a loss; the trainer's own report is more precise and replaces it. */
  readonly inferred: boolean;
}

/** Columns of `trainLoss` and `trainAccuracy`. */
export const RAW = 0;
export const SMOOTH = 1;

/** Half-life of a measurement's weight in the smoothed lines, in steps. */
export const HALF_LIFE_STEPS = 10;
/** Phase of a row of statistics: 0 forward, 1 backward. */
const BACKWARD = 1;
const DECAY = 0.5 ** (1 / HALF_LIFE_STEPS);

/** Latest values of a run; undefined before the first. */
export interface Latest {
  step?: number;
  epoch?: number;
  trainLoss?: number;
  trainAccuracy?: number;
  validationLoss?: number;
  validationAccuracy?: number;
  learningRate?: number;
  samplesPerSecond?: number;
  etaSeconds?: number;
}

/** State of a run built from its messages, in columns ready for drawing; independent of the DOM. */
export class RunModel {
  blueprint: Blueprint | undefined;
  layers: LayerState[] = [];
  readonly trainLoss = new History(2);
  readonly trainAccuracy = new History(2);
  readonly validationLoss = new History(1);
  readonly validationAccuracy = new History(1);
  readonly rate = new StepRate();
  latest: Latest = {};
  anomalies: Anomaly[] = [];
  #structure = "";
  readonly #smoothLoss = new Smoother(DECAY);
  readonly #smoothAccuracy = new Smoother(DECAY);

  /** Adds a message that arrived at `now` (milliseconds of a monotonic clock). */
  push(message: ObservationMessage, now: number): void {
    if (message.kind === "blueprint") this.#takeBlueprint(message.blueprint);
    else if (message.kind === "stats") this.#takeStats(message);
    else if (message.kind === "training") this.#takeTraining(message, now);
    else this.#takeAnomaly(message);
  }

  /** Clears the run; keeps the network. */
  clear(): void {
    for (const history of [this.trainLoss, this.trainAccuracy, this.validationLoss, this.validationAccuracy]) {
      history.clear();
    }
    this.#smoothLoss.clear();
    this.#smoothAccuracy.clear();
    this.rate.clear();
    this.latest = {};
    this.anomalies = [];
    this.layers = this.blueprint ? flattenBlueprint(this.blueprint).map((node) => new LayerState(node)) : [];
  }

  #takeBlueprint(blueprint: Blueprint): void {
    const structure = structureOf(blueprint);
    this.blueprint = blueprint;
    if (structure === this.#structure) return; // the same network, observed again: its charts continue
    this.#structure = structure;
    this.clear();
  }

  #takeStats(message: StatsMessage): void {
    const table = new ColumnTable(message);
    const [steps, layers, phases] = [table.column("step"), table.column("layer"), table.column("phase")];
    for (let row = 0; row < message.rows; row++) {
      const state = this.layers[layers[row] ?? -1];
      const step = steps[row] ?? Number.NaN;
      if (!state || Number.isNaN(step)) continue;
      const stats = new PassStats(table, row);
      if (phases[row] === BACKWARD) state.pushBackward(step, stats);
      else state.pushForward(step, stats);
    }
  }

  #takeTraining(message: TrainingMessage, now: number): void {
    const table = new ColumnTable(message);
    for (let row = 0; row < message.rows; row++) this.#takeEvent(message.types[row] ?? "", table, row, now);
  }

  #takeEvent(type: string, table: ColumnTable, row: number, now: number): void {
    if (type === "batch_start") return; // a GPU starts steps before earlier ones have ended
    const step = table.value("step", row);
    if (step < (this.latest.step ?? 0)) this.clear(); // steps only decrease when a new run starts
    if (Number.isNaN(step)) return;
    this.latest.step = step;
    const epoch = table.value("epoch", row);
    if (!Number.isNaN(epoch)) this.latest.epoch = epoch;
    if (type === "batch_end") this.#takeBatch(step, table, row, now);
    if (type === "validation") this.#takeValidation(step, table.value("loss", row), table.value("accuracy", row));
    if (type === "train_end") this.latest.etaSeconds = 0;
  }

  #takeBatch(step: number, table: ColumnTable, row: number, now: number): void {
    const [loss, accuracy] = [table.value("loss", row), table.value("accuracy", row)];
    this.latest.trainLoss = loss;
    this.trainLoss.push(step, loss, this.#smoothLoss.next(loss));
    if (!Number.isNaN(accuracy)) {
      this.latest.trainAccuracy = this.#smoothAccuracy.next(accuracy);
      this.trainAccuracy.push(step, accuracy, this.latest.trainAccuracy);
    }
    const [rate, speed] = [table.value("learning_rate", row), table.value("samples_per_second", row)];
    const remaining = table.value("eta_s", row);
    if (!Number.isNaN(rate)) this.latest.learningRate = rate;
    if (!Number.isNaN(speed)) this.latest.samplesPerSecond = speed;
    if (!Number.isNaN(remaining)) this.latest.etaSeconds = remaining;
    this.rate.push(now, step);
    if (!Number.isFinite(loss)) this.#noteLoss(step, loss);
  }

  #takeValidation(step: number, loss: number, accuracy: number): void {
    this.latest.validationLoss = loss;
    this.validationLoss.push(step, loss);
    if (Number.isNaN(accuracy)) return;
    this.latest.validationAccuracy = accuracy;
    this.validationAccuracy.push(step, accuracy);
  }

  /** The first non-finite loss is an anomaly, whether or not the trainer reports it. */
  #noteLoss(step: number, loss: number): void {
    if (this.anomalies.length > 0) return;
    const what = Number.isNaN(loss) ? "is not a number (NaN)" : "is infinite";
    this.anomalies.push({ step, path: undefined, text: `The loss ${what}: training has diverged.`, inferred: true });
  }

  #takeAnomaly({ event }: AnomalyMessage): void {
    const text = event.text ?? "An anomaly without a description was reported.";
    const reported = { step: event.step ?? undefined, path: event.path ?? undefined, text, inferred: false };
    // The failed step has no "batch_end": without this row the chart would not show the failure.
    const lost = typeof event.loss === "number" && !Number.isFinite(event.loss);
    if (lost) this.trainLoss.push(Math.max(event.step ?? 0, this.latest.step ?? 0), event.loss ?? 0, Number.NaN);
    this.anomalies = [...this.anomalies.filter(({ inferred }) => !inferred), reported];
  }
}
