import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { TrainingError } from "./errors.js";
import type { ExpertLoad } from "./training-task.js";

/** Sums of the values read from the batches of a step. */
export class StepSums {
  /** Metric key of the loss, and key prefixes of metrics and routers. */
  static readonly LOSS = "loss";
  static readonly METRIC = "metric ";
  static readonly LOAD = "load ";

  readonly #step: number;
  readonly #sums = new Map<string, number[]>();

  constructor(step: number) {
    this.#step = step;
  }

  /** Reads tensors and frees them. @throws {TrainingError} if the loss is not finite. */
  async add(numbers: ReadonlyMap<string, Tensor>): Promise<void> {
    try {
      for (const [name, tensor] of numbers) {
        const values = [...(await tensor.data())];
        const before = this.#sums.get(name);
        this.#sums.set(name, before ? before.map((value, i) => value + values[i]!) : values);
      }
    } finally {
      dispose([...numbers.values()]);
    }
    if (!Number.isFinite(this.loss))
      throw new TrainingError({
        where: `the loss of step ${this.#step}`,
        expected: "a finite number",
        got: `${this.loss}`,
        fix: "The learning rate may be too high; the parameters are those of the previous step",
      });
  }

  get loss(): number {
    return this.#sums.get(StepSums.LOSS)?.[0] ?? NaN;
  }

  get metrics(): Record<string, number> {
    return Object.fromEntries(this.#named(StepSums.METRIC).map(([name, [value]]) => [name, value!]));
  }

  get expertLoads(): ExpertLoad[] {
    return this.#named(StepSums.LOAD).map(([router, counts]) => ({ router, counts }));
  }

  #named(kind: string): [string, number[]][] {
    return [...this.#sums].flatMap(([name, sums]) =>
      name.startsWith(kind) ? [[name.slice(kind.length), sums] as [string, number[]]] : [],
    );
  }
}
