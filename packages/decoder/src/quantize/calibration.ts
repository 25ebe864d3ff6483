import type { Param } from "@mixtape/layers";
import { stackViews } from "@mixtape/ops";
import {
  type EncodedMatrix,
  type Encoder,
  layoutOf,
  QuantizationError,
  quantizeCalibrated,
  quantizingView,
  type Recipe,
  type WeightScheme,
} from "@mixtape/quantization";
import type { TensorView } from "@mixtape/safetensors";
import type { LoadJob } from "../match-tensors.js";
import type { PreTrainedModel } from "../pre-trained-model.js";
import { type InputSum, InputSums } from "./input-sums.js";
import { LayerRunner } from "./layer-runner.js";
import { moduleOf } from "./module-of.js";
import { type ObservedInput, observedInputs, passesOf, refuseWideInputs } from "./observed-input.js";

/** Token ids, `[batch][row][token]`; rows of a batch have one length. */
export type CalibrationBatches = readonly (readonly (readonly number[])[])[];

/** Surroundings of a {@link Calibration}. */
interface CalibrationOptions {
  /** Returns free bytes; null if they are not known. */
  readonly freeMemory: () => number | null;
  /** Stops it between two matrices. */
  readonly signal: AbortSignal | undefined;
}

/**
 * A matrix needs as many inputs as a quarter of its columns: with fewer, the errors of one column are moved to others by
 * correlations that are chance.
 */
const TOKENS_PER_COLUMN = 1 / 4;

/**
 * Quantises the layers of a model by GPTQ, from the first to the last, each on the outputs of the quantised ones before it. The
 * weights of one layer are on the engine at a time, and as many sums of inputs as fit into the memory.
 *
 * Matrices of 4 bits in linear layers and experts are calibrated. Others are rounded value by value, since at 8 bits nothing is left
 * to correct, as are those that are stored together with others.
 */
export class Calibration {
  readonly #model: PreTrainedModel;
  readonly #recipe: Recipe;
  readonly #signal: AbortSignal | undefined;
  readonly #runner: LayerRunner;
  /** Parameters of each layer. */
  readonly #layers: readonly (readonly LoadJob[])[];
  /** Inputs of the matrices of each layer that are calibrated. */
  readonly #inputs: readonly (readonly ObservedInput[])[];
  readonly #others: readonly LoadJob[];
  readonly #freeMemory: () => number | null;
  /** Layer and shape of each matrix that is calibrated, by its name on disk. */
  readonly #sites = new Map<string, { readonly layer: number; readonly shape: string }>();
  readonly #jobs: ReadonlyMap<Param, LoadJob>;
  readonly #done = new Map<string, EncodedMatrix>();
  readonly #rare: string[] = [];
  #next = 0;
  #running: Promise<void> = Promise.resolve();

  /**
   * @param model of which nothing is loaded
   * @throws {QuantizationError} if the free memory does not suffice for the widest matrix
   */
  constructor(
    model: PreTrainedModel,
    jobs: readonly LoadJob[],
    recipe: Recipe,
    batches: CalibrationBatches,
    { freeMemory, signal }: CalibrationOptions,
  ) {
    this.#signal = signal;
    this.#model = model;
    this.#recipe = recipe;
    this.#runner = new LayerRunner(model.model, batches);
    this.#freeMemory = freeMemory;
    const layerOf = new Map<Param, number>();
    for (const [i, layer] of model.model.layers.entries())
      for (const [, param] of layer.namedParameters()) layerOf.set(param, i);
    this.#layers = model.model.layers.map((_, i) => jobs.filter(({ param }) => layerOf.get(param) === i));
    this.#jobs = new Map(jobs.map((job) => [job.param, job]));
    this.#inputs = model.model.layers.map((layer) =>
      observedInputs(layer, (param) => {
        const job = this.#jobs.get(param);
        return job !== undefined && this.#schemeOf(job) !== undefined;
      }),
    );
    for (const [layer, inputs] of this.#inputs.entries())
      for (const input of inputs)
        for (const { name, view } of this.#matricesOf(input))
          this.#sites.set(name, { layer, shape: view.shape.join() });
    refuseWideInputs(this.#inputs.flat(), (input) => this.#matricesOf(input)[0]!.name, freeMemory());
    const decoder = new Set([...model.model.namedParameters()].map(([, param]) => param));
    this.#others = jobs.filter(({ param }) => decoder.has(param) && !layerOf.has(param));
  }

  /** Matrices that met too few tokens so far, by their names on disk: they are rounded value by value. */
  get rare(): readonly string[] {
    return this.#rare;
  }

  /**
   * Returns what quantises a matrix of a checkpoint; undefined if it is not calibrated. The first matrix of a layer that is asked
   * for is quantised with the whole layer, whose other matrices stay in memory until they are asked for, too.
   * @param name of the tensor in the checkpoint that is written
   */
  encoderOf(name: string, shape: readonly number[]): Encoder | undefined {
    const site = this.#sites.get(name);
    if (!site || site.shape !== shape.join()) return undefined;
    const { layer } = site;
    return async () => {
      while (this.#next <= layer) {
        this.#running = this.#running.then(() => (this.#next <= layer ? this.#quantizeNext() : undefined));
        await this.#running;
      }
      const encoded = this.#done.get(name);
      if (!encoded)
        throw new QuantizationError({
          where: name,
          expected: "one read of each plane",
          got: "a second one",
        });
      this.#done.delete(name);
      return encoded;
    };
  }

  /** Frees the weights. */
  dispose(): void {
    this.#model.dispose();
  }

  async #quantizeNext(): Promise<void> {
    const index = this.#next;
    if (index === 0) await load(this.#others);
    const jobs = this.#layers[index]!;
    const layer = this.#model.model.layers[index]!;
    await load(jobs);
    // The layer keeps its weights until the last pass, so that all inputs are those of one layer.
    for (const pass of passesOf(this.#inputs[index]!, this.#freeMemory())) {
      const sums = new InputSums(pass);
      try {
        await this.#runner.observe(index);
        sums.unhook();
        for (const input of pass) await this.#quantize(input, sums.of(input));
      } finally {
        sums.dispose();
      }
    }
    for (const job of jobs) await this.#replace(job);
    if (index + 1 < this.#layers.length) await this.#runner.advance(index);
    layer.dispose();
    this.#next++;
  }

  /** Quantises the matrices with an input, and frees its sum. */
  async #quantize(input: ObservedInput, sum: InputSum): Promise<void> {
    const isRare = sum.tokens < input.columns * TOKENS_PER_COLUMN;
    // The decomposition lives as long as these values: until the last matrix with this input is quantised.
    const hessian = isRare ? undefined : await sum.read();
    for (const { name, view, scheme } of this.#matricesOf(input)) {
      // Rounding keeps the thread for seconds: events such as an interrupt are handled in between.
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.#signal?.throwIfAborted();
      if (isRare) this.#rare.push(name);
      this.#done.set(name, await quantizeCalibrated(view, layoutOf(view.name, shapeOf(view), scheme), hessian));
    }
    sum.dispose();
  }

  /** Loads what a parameter became, unless it stays as it is. */
  async #replace({ param, view, dtype, savedIn }: LoadJob): Promise<void> {
    const scheme = this.#recipe(moduleOf(savedIn[0]!));
    if (!scheme || param.role === "vector" || param.role === "vectors") return;
    if (!this.#done.has(savedIn[0]!)) return param.load(quantizingView(view, scheme), { dtype });
    const views = savedIn.map((name, i) =>
      quantizingView(matrixOf({ param, view }, i), scheme, async () => this.#done.get(name)!),
    );
    return param.load(param.role === "stack" ? stackViews(views) : views[0]!, { dtype });
  }

  /** Returns the matrices with an input. */
  #matricesOf({ params, index }: ObservedInput): Matrix[] {
    return params.map((param) => {
      const job = this.#jobs.get(param)!;
      return { name: job.savedIn[index]!, view: matrixOf(job, index), scheme: this.#schemeOf(job)! };
    });
  }

  /** Returns the scheme of a parameter that is calibrated. */
  #schemeOf({ param, savedIn }: LoadJob): WeightScheme | undefined {
    const count = param.role === "stack" ? param.shape[0]! : param.role === "matrix" ? 1 : 0;
    const scheme = savedIn.length === count && count > 0 ? this.#recipe(moduleOf(savedIn[0]!)) : undefined;
    return scheme?.bits === 4 ? scheme : undefined;
  }
}

async function load(jobs: readonly LoadJob[]): Promise<void> {
  for (const { param, view, dtype } of jobs) await param.load(view, { dtype });
}

/** A matrix `[out, in]` of a parameter, the name that it is saved under, and its scheme. */
interface Matrix {
  readonly name: string;
  readonly view: TensorView;
  readonly scheme: WeightScheme;
}

function matrixOf({ param, view }: Pick<LoadJob, "param" | "view">, index: number): TensorView {
  return param.role === "stack" ? view.at(index) : view;
}

function shapeOf({ shape }: TensorView): [rows: number, columns: number] {
  return [shape[0]!, shape[1]!];
}
