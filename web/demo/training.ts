import { RunControl } from "../bridge/index.ts";
import type {
  Device,
  Loom,
  NDArray,
  Network,
  Observation,
  ObservationMessage,
  StopReason,
} from "../generated/loom.d.ts";
import { type DeviceStatus, deviceStatusOf } from "./device";
import type { DigitSets, Digits } from "./digits";
import { checkShapes, networkConfig, type Settings, trainingConfig } from "./settings";

export type RunState = "ready" | "loaded" | "running" | "paused" | "ended" | "failed";

export interface TrainingListener {
  onMessage(message: ObservationMessage): void;
  /** `why` is the reason for the end of a run. */
  onState(state: RunState, why?: StopReason): void;
  /** A call was refused or failed; the network is unchanged. */
  onError(error: unknown): void;
}

/** Observing every run of so small a network would cost more than training it. */
const OBSERVE_EVERY = 4;

interface Run {
  readonly settings: Settings;
  readonly control: RunControl;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** The network in the worker and its training run: start, pause, step, reset. */
export class Training {
  state: RunState = "ready";
  /** The chosen device. */
  device: Device = "auto";
  #network: Network | undefined;
  #observation: Observation | undefined;
  #run: Run | undefined;

  constructor(
    readonly loom: Loom,
    readonly digits: DigitSets,
    readonly listener: TrainingListener,
  ) {}

  get hasNetwork(): boolean {
    return this.#network !== undefined;
  }

  /** Whether settings differ from those of the current run. */
  differs(settings: Settings): boolean {
    return this.#run !== undefined && JSON.stringify(settings) !== JSON.stringify(this.#run.settings);
  }

  /** Replaces the network by a new one; false if that failed. */
  async renew(settings: Settings): Promise<boolean> {
    try {
      await this.#discard();
      await this.#adopt(await this.loom.network(networkConfig(settings)));
      this.#enter("ready");
      return true;
    } catch (error) {
      this.#enter("failed");
      this.listener.onError(error);
      return false;
    }
  }

  /** The network as a file; undefined while there is none. */
  async save(): Promise<Uint8Array | undefined> {
    return this.#network?.saveModel();
  }

  /**
   * Replaces the network by one from a file; a refused file changes nothing.
   *
   * @param before - called when the file is accepted, before the first message about its network
   * @throws LoomError the file is damaged, or its network is not one for digits.
   */
  async load(file: Uint8Array, before: () => void): Promise<void> {
    const network = await this.loom.loadModel(file);
    try {
      await checkShapes(network);
    } catch (error) {
      await network.dispose();
      throw error;
    }
    await this.#discard();
    before();
    await this.#adopt(network);
    this.#enter("loaded");
  }

  /** Starts a run, or resumes the paused one. */
  async start(settings: Settings): Promise<void> {
    if (this.#run) this.#run.control.resume();
    else if (!(await this.#begin(settings, new RunControl()))) return;
    this.#enter("running");
  }

  pause(): void {
    this.#run?.control.pause();
    this.#enter("paused");
  }

  /** Does one training step, then pauses. */
  async step(settings: Settings): Promise<void> {
    const control = this.#run?.control ?? new RunControl();
    control.step();
    if (!this.#run && !(await this.#begin(settings, control))) return;
    this.#enter("paused");
  }

  /**
   * Moves the network with its weights to another device at once, even during a run.
   *
   * @throws LoomError the device is unavailable; nothing changes.
   */
  async use(device: Device): Promise<void> {
    await this.#network?.to(device);
    this.device = device;
  }

  /** The device of the network; undefined while there is no network. */
  async deviceStatus(): Promise<DeviceStatus | undefined> {
    return this.#network && deviceStatusOf(this.#network);
  }

  /** Class probabilities of images, one row per image; undefined while there is no network. */
  async predict(images: Float32Array): Promise<NDArray | undefined> {
    const size = this.digits.training.size;
    return this.#network?.forward({ data: images, shape: [images.length / size, size] });
  }

  /** Starts a run, first making a network if an earlier attempt failed; false if no run was started. */
  async #begin(settings: Settings, control: RunControl): Promise<boolean> {
    if (!this.#network && !(await this.renew(settings))) return false;
    const network = this.#network;
    if (!network || this.#run) return false; // another click was faster
    const abort = new AbortController();
    const run: Run = { settings, control, abort, ended: this.#fit(network, settings, control, abort.signal) };
    this.#run = run;
    run.ended.finally(() => {
      if (this.#run === run) this.#run = undefined;
    });
    return true;
  }

  async #fit(network: Network, settings: Settings, control: RunControl, signal: AbortSignal): Promise<void> {
    const { training, heldOut } = this.digits;
    const config = { ...trainingConfig(settings), validation: [matrix(heldOut), heldOut.labels] as const };
    try {
      const result = await network.fit(matrix(training), training.labels, config, { signal, control });
      if (result.stopped_because !== "cancelled") this.#enter("ended", result.stopped_because);
    } catch (error) {
      if (signal.aborted) return; // the network is being discarded, and the call with it
      this.#enter("failed");
      this.listener.onError(error);
    }
  }

  async #adopt(network: Network): Promise<void> {
    await this.#place(network);
    this.#network = network;
    this.#observation = network.observe({ every: OBSERVE_EVERY });
    void this.#listen(this.#observation);
  }

  /** Moves a new network to the chosen device; where that is gone, Auto takes over. */
  async #place(network: Network): Promise<void> {
    for (let at: Device = "auto"; at !== this.device; ) {
      at = this.device; // the choice may change meanwhile
      await network.to(at).catch((error: unknown) => {
        this.device = "auto";
        this.listener.onError(error);
      });
    }
  }

  async #listen(observation: Observation): Promise<void> {
    try {
      for await (const message of observation) {
        if (observation === this.#observation) this.listener.onMessage(message);
      }
    } catch (error) {
      if (observation === this.#observation) this.listener.onError(error);
    }
  }

  async #discard(): Promise<void> {
    const [network, observation, run] = [this.#network, this.#observation, this.#run];
    this.#network = this.#observation = this.#run = undefined;
    run?.abort.abort();
    await run?.ended;
    await observation?.close();
    await network?.dispose();
  }

  #enter(state: RunState, why?: StopReason): void {
    this.state = state;
    this.listener.onState(state, why);
  }
}

function matrix({ images, count, size }: Digits): NDArray {
  return { data: images, shape: [count, size] };
}
