import { type DeviceErrors, GPURefused } from "./errors.ts";
import { COMPUTE_STAGE } from "./flags.ts";
import type { KernelData } from "./types.ts";

/** Size of a dispatch's uniform struct: WebGPU's alignment of offsets into uniform buffers. */
export const PARAMETER_BYTES = 256;

/** A device's compute pipelines, cached; all have the same two bindings. */
export class Pipelines {
  /** Binding 0: the heap; binding 1: 256 bytes of uniform parameters at an offset per dispatch. */
  readonly groupLayout: GPUBindGroupLayout;
  readonly #device: GPUDevice;
  readonly #errors: DeviceErrors;
  readonly #layout: GPUPipelineLayout;
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #made = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice, errors: DeviceErrors) {
    this.#device = device;
    this.#errors = errors;
    const visibility = COMPUTE_STAGE;
    this.groupLayout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility, buffer: { type: "storage" } },
        {
          binding: 1,
          visibility,
          buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: PARAMETER_BYTES },
        },
      ],
    });
    this.#layout = device.createPipelineLayout({ bindGroupLayouts: [this.groupLayout] });
  }

  get count(): number {
    return this.#made.size;
  }

  /** The pipeline of a kernel; rejects with the compiler's messages. */
  get(kernel: KernelData): Promise<GPUComputePipeline> {
    const key = `${JSON.stringify(Object.entries(kernel.constants).sort())} ${kernel.source}`;
    const known = this.#made.get(key);
    if (known) return known;
    const made = this.#make(kernel);
    this.#made.set(key, made);
    made.catch(() => this.#made.delete(key)); // a failure is not cached
    return made;
  }

  async #make({ name, source, constants }: KernelData): Promise<GPUComputePipeline> {
    const module = await this.#module(name, source);
    const compute = { module, entryPoint: "main", constants: { ...constants } };
    try {
      return await this.#device.createComputePipelineAsync({ label: name, layout: this.#layout, compute });
    } catch (error) {
      throw await this.#errors.explain(error, `kernel ${name} with ${JSON.stringify(constants)}`);
    }
  }

  async #module(name: string, source: string): Promise<GPUShaderModule> {
    const known = this.#modules.get(source);
    if (known) return known;
    const make = () => this.#device.createShaderModule({ label: name, code: source });
    const [module, refused] = this.#errors.watch(`kernel ${name}`, make);
    await refused.catch(async (error: unknown) => {
      const text = this.#errors.lost ? "" : await compilerErrors(module, name);
      throw text ? new GPURefused(text) : error;
    });
    this.#modules.set(source, module);
    return module;
  }
}

async function compilerErrors(module: GPUShaderModule, name: string): Promise<string> {
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter(({ type }) => type === "error");
  return errors.map(({ lineNum, linePos, message }) => `${name}.wgsl:${lineNum}:${linePos}: ${message}`).join("\n");
}
