import { dispose, type Tensor } from "@tensorflow/tfjs-core";
import { TrainingError } from "./errors.js";
import type { ExpertLoad } from "./training-task.js";

/** What is read of the batches of a step, added up. */
export class StepSums {
  /** Under what the loss is read, and with what names of metrics and of routers begin. */
  static readonly LOSS = "loss";
  static readonly METRIC = "metric ";
  static readonly LOAD = "load ";

  readonly #step: number;
  readonly #sums = new Map<string, number[]>();

  constructor(step: number) {
    this.#step = step;
  }

  /** Reads tensors and frees them. @throws {TrainingError} where the loss is not finite. */
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
        fix: "The learning rate may be too high; the parameters are as the step before left them",
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
