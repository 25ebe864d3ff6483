import type { Param } from "@mixtape/layers";
import { stackViews } from "@mixtape/ops";
import {
  type EncodedMatrix,
  type Encoder,
  type Hessian,
  QuantizationError,
  quantizeCalibrated,
  quantizingView,
  type Recipe,
  type WeightScheme,
} from "@mixtape/quantization";
import type { TensorView } from "@mixtape/safetensors";
import type { LoadJob } from "../match-tensors.js";
import type { PreTrainedModel } from "../pre-trained-model.js";
import { InputSums } from "./input-sums.js";
import { LayerRunner } from "./layer-runner.js";
import { moduleOf } from "./module-of.js";

/** Token ids, `[batch][row][token]`; rows of a batch have one length. */
export type CalibrationBatches = readonly (readonly (readonly number[])[])[];

/**
 * A matrix needs as many inputs as a quarter of its columns: with fewer, the errors of one column are moved to others by
 * correlations that are chance.
 */
const TOKENS_PER_COLUMN = 1 / 4;

/**
 * Quantises the layers of a model by GPTQ, from the first to the last, each on the outputs of the quantised ones before it. The
 * weights of one layer are on the engine at a time.
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
  readonly #others: readonly LoadJob[];
  /** Layer and shape of each matrix that is calibrated, by its name on disk. */
  readonly #sites = new Map<string, { readonly layer: number; readonly shape: string }>();
  readonly #done = new Map<string, EncodedMatrix>();
  readonly #rare: string[] = [];
  #next = 0;
  #running: Promise<void> = Promise.resolve();

  /**
   * @param model of which nothing is loaded
   * @param signal stops it between two matrices
   */
  constructor(
    model: PreTrainedModel,
    jobs: readonly LoadJob[],
    recipe: Recipe,
    batches: CalibrationBatches,
    signal?: AbortSignal,
  ) {
    this.#signal = signal;
    this.#model = model;
    this.#recipe = recipe;
    this.#runner = new LayerRunner(model.model, batches);
    const layerOf = new Map<Param, number>();
    for (const [i, layer] of model.model.layers.entries())
      for (const [, param] of layer.namedParameters()) layerOf.set(param, i);
    this.#layers = model.model.layers.map((_, i) => jobs.filter(({ param }) => layerOf.get(param) === i));
    for (const [layer, ownJobs] of this.#layers.entries())
      for (const job of ownJobs.filter((one) => this.#schemeOf(one)))
        for (const name of job.savedIn) this.#sites.set(name, { layer, shape: job.param.shape.slice(-2).join() });
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
    const calibrated = jobs.filter((job) => this.#schemeOf(job));
    const sums = new InputSums(layer, (param) => calibrated.some((job) => job.param === param));
    try {
      if (calibrated.length > 0) await this.#runner.observe(index);
      sums.unhook();
      for (const job of jobs) await this.#quantize(job, sums);
    } finally {
      sums.dispose();
    }
    if (index + 1 < this.#layers.length) await this.#runner.advance(index);
    layer.dispose();
    this.#next++;
  }

  /** Quantises a parameter, and loads what it became. */
  async #quantize(job: LoadJob, sums: InputSums): Promise<void> {
    const scheme = this.#schemeOf(job);
    const observed = scheme && sums.of(job.param);
    if (!observed) {
      const other = this.#recipe(moduleOf(job.savedIn[0]!));
      if (other && job.param.role !== "vector" && job.param.role !== "vectors")
        await job.param.load(quantizingView(job.view, other), { dtype: job.dtype });
      return;
    }
    const views: TensorView[] = [];
    for (const [i, { name, view }] of matricesOf(job).entries()) {
      // Rounding keeps the thread for seconds: events such as an interrupt are handled in between.
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.#signal?.throwIfAborted();
      const { tokens } = observed[i]!;
      const isRare = tokens < view.shape[1]! * TOKENS_PER_COLUMN;
      if (isRare) this.#rare.push(name);
      const hessian: Hessian | undefined = isRare ? undefined : await observed[i]!.read();
      views.push(
        quantizingView(view, scheme, async (matrix, layout) => {
          const encoded = await quantizeCalibrated(matrix, layout, hessian);
          this.#done.set(name, encoded);
          return encoded;
        }),
      );
    }
    await job.param.load(job.param.role === "stack" ? stackViews(views) : views[0]!, { dtype: job.dtype });
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

/** A matrix `[out, in]` of a parameter, and the name that it is saved under. */
interface Matrix {
  readonly name: string;
  readonly view: TensorView;
}

function matricesOf({ param, view, savedIn }: LoadJob): Matrix[] {
  return savedIn.map((name, i) => ({ name, view: param.role === "stack" ? view.at(i) : view }));
}
