/// <reference lib="esnext.disposable" preserve="true" />
import { checkOptions, type OptionNames } from "@mixtape/errors";
import type { Param } from "@mixtape/layers";
import { adamW, encodeWeight } from "@mixtape/ops";
import type { TensorSource, TensorToWrite } from "@mixtape/safetensors";
import { type Tensor, tidy } from "@tensorflow/tfjs-core";
import { checkIterable, expectThat } from "./checks.js";
import { TrainingError } from "./errors.js";
import type { Gradients } from "./gradients.js";
import type { NamedParam } from "./params.js";
import { readChecked } from "./restore.js";
import { constantSchedule, type Schedule } from "./schedules.js";

/** Settings of AdamW. */
export interface AdamWSettings {
  /** Learning rate of all parameters, before the schedule. */
  readonly learningRate: number;
  /** Decay rates of the first and second moment. Default: 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** ε in the denominator of the update. Default: 1e-8. */
  readonly eps?: number;
  /** Decoupled weight decay, times the learning rate. Default: 0.01. */
  readonly weightDecay?: number;
  /** Learning-rate factor of each step. Default: constant. */
  readonly schedule?: Schedule;
  /** Clips the global gradient norm to this value. Default: no clipping. */
  readonly maxGradNorm?: number;
}

/** Parameters with their own settings. Default of each setting: that of all parameters. */
export interface ParamGroup extends Partial<AdamWSettings> {
  /** Name in metrics. Default: its index. */
  readonly name?: string;
  /** Selects parameters by name. A parameter that several groups match belongs to the first. */
  readonly match: (name: string) => boolean;
  /**
   * Factor of the learning rate, for all of the group or by name: LoRA+ uses it for `lora_b` (Hayou et al. 2024,
   * https://arxiv.org/abs/2402.12354), `(name) => (name.endsWith(".lora_b") ? 16 : 1)`. Gradients are still clipped by
   * the group's norm. Default: 1.
   */
  readonly learningRateRatio?: number | ((name: string) => number);
}

/** Settings of AdamW, for all parameters and for groups of them. */
export interface AdamWOptions extends AdamWSettings {
  /** Parameters with their own settings. */
  readonly groups?: readonly ParamGroup[];
}

const SETTINGS: OptionNames<AdamWSettings> = {
  learningRate: true,
  betas: true,
  eps: true,
  weightDecay: true,
  schedule: true,
  maxGradNorm: true,
};
const OPTIONS: OptionNames<AdamWOptions> = { ...SETTINGS, groups: true };
const GROUP: OptionNames<ParamGroup> = { ...SETTINGS, name: true, match: true, learningRateRatio: true };

/** Result of an optimiser step. */
export interface OptimizerStep {
  /** Global gradient norm before clipping. */
  readonly gradNorm: number;
  /** Gradient norm of each group with its own `maxGradNorm`, by name. */
  readonly gradNorms: Readonly<Record<string, number>>;
  /** Learning rate without groups. */
  readonly learningRate: number;
}

/** State of an optimiser besides its moments. */
export interface AdamWState {
  readonly steps: number;
  readonly paramSteps: Readonly<Record<string, number>>;
  /** Settings of each parameter: learning rate without schedule, betas, eps, weight decay, maxGradNorm or null. */
  readonly settings: Readonly<Record<string, readonly (number | null)[]>>;
}

/** Names of {@link AdamWState.settings}, in this order. */
const SETTING_NAMES = ["learningRate", "betas[0]", "betas[1]", "eps", "weightDecay", "maxGradNorm"] as const;

type Settings = Required<Omit<AdamWSettings, "maxGradNorm">>;

/** A parameter with its AdamW state. */
interface Slot {
  readonly name: string;
  readonly param: Param;
  readonly settings: Settings;
  readonly clip: Clip;
  readonly mean: Param;
  readonly variance: Param;
  steps: number;
}

/** Parameters whose gradients are clipped together. */
interface Clip {
  readonly name: string;
  readonly maxGradNorm: number;
  readonly names: string[];
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101), like torch's `AdamW`:
 * a parameter that the loss did not use is not updated. It owns the moments: dispose it.
 */
export class AdamW {
  readonly #slots: readonly Slot[];
  readonly #clips: Clip[];
  readonly #schedule: Schedule;
  readonly #learningRate: number;
  #steps = 0;

  /**
   * @throws {OptionError} for an unknown setting
   * @throws {TrainingError} if there are no parameters, one occurs twice, or a group matches nothing
   */
  constructor(params: Iterable<NamedParam>, options: AdamWOptions) {
    checkOptions("AdamW", options, OPTIONS);
    checkIterable("AdamW: params", "[name, Param] pairs", params);
    const { groups = [], ...all } = options;
    expectThat(Array.isArray(groups), "AdamW: groups", "a list of parameter groups", groups);
    for (const [i, group] of groups.entries()) checkOptions(`the parameter group ${group.name ?? i}`, group, GROUP);
    for (const [i, { match }] of groups.entries())
      expectThat(typeof match === "function", `AdamW: groups[${i}].match`, "a function of a parameter's name", match);
    const defaults = settingsOf(all);
    this.#schedule = defaults.schedule;
    this.#learningRate = defaults.learningRate;
    const common = clipOf("all", all.maxGradNorm);
    const own = groups.map((group, i) => ({
      match: group.match,
      name: group.name ?? `${i}`,
      settings: settingsOf({ ...all, ...group }),
      ratio: group.learningRateRatio ?? 1,
      clip: group.maxGradNorm === undefined ? common : clipOf(group.name ?? `${i}`, group.maxGradNorm),
      size: 0,
    }));
    this.#clips = [common, ...own.map(({ clip }) => clip).filter((clip) => clip !== common)];
    const placed = checked(params).map(([name, param]) => {
      const group = own.find(({ match }) => match(name));
      if (group) group.size++;
      const { settings, clip, ratio } = group ?? { settings: defaults, clip: common, ratio: 1 };
      const learningRate = settings.learningRate * ratioOf(ratio, name);
      clip.names.push(name);
      return { name, param, settings: { ...settings, learningRate }, clip };
    });
    const empty = own.find(({ size }) => size === 0);
    if (empty)
      throw new TrainingError({
        where: `the parameter group ${empty.name}`,
        expected: "a name that matches a parameter",
        got: "none",
      });
    this.#slots = placed.map((slot) => {
      const { param } = slot;
      return { ...slot, mean: param.zeros(), variance: param.zeros(), steps: 0 };
    });
  }

  /** Number of steps taken. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * Updates every parameter.
   * @throws {TrainingError} if a gradient is not finite: then nothing was updated.
   */
  async step(gradients: Gradients): Promise<OptimizerStep> {
    const norms = await this.#norms(gradients);
    const scales = new Map(this.#clips.map((clip, i) => [clip, Math.min(1, clip.maxGradNorm / (norms[i]! + 1e-6))]));
    for (const slot of this.#slots) this.#move(slot, gradients.get(slot.name), scales.get(slot.clip)!);
    const learningRate = this.#learningRate * this.#schedule(this.#steps);
    this.#steps++;
    return {
      gradNorm: Math.hypot(...norms),
      gradNorms: Object.fromEntries(this.#clips.slice(1).map(({ name }, i) => [name, norms[i + 1]!])),
      learningRate,
    };
  }

  /** Step counts of each parameter and of the optimiser. */
  get state(): AdamWState {
    return {
      steps: this.#steps,
      paramSteps: Object.fromEntries(this.#slots.map(({ name, steps }) => [name, steps])),
      settings: Object.fromEntries(this.#slots.map((slot) => [slot.name, settingsList(slot)])),
    };
  }

  /**
   * Compares settings with those of another run. Schedules are functions, and are not compared.
   * @throws {TrainingError} naming the first setting that differs
   */
  checkSettings(others: AdamWState["settings"], where: string): void {
    for (const slot of this.#slots)
      for (const [i, value] of settingsList(slot).entries()) {
        const other = others[slot.name]?.[i];
        if (other === undefined || other === value) continue;
        throw new TrainingError({
          where: `${where}: ${SETTING_NAMES[i]} of ${slot.name}`,
          expected: `${other ?? "none"}, as when the run was saved`,
          got: `${value ?? "none"}`,
          fix: "A run is resumed with its original settings; use another folder for another run",
        });
      }
  }

  /** Yields the moments under their names in a checkpoint: `mean.NAME` and `variance.NAME`. */
  *tensorsToWrite(): IterableIterator<TensorToWrite> {
    for (const [name, param] of this.#moments())
      yield { name, dtype: "F32", shape: param.shape, bytes: () => encodeWeight(param.weight, "F32") };
  }

  /**
   * Loads the moments and counts of another run.
   * @param where the run, for errors
   * @throws {SafetensorsError} if a moment is missing
   * @throws {LayersError} if one has another shape
   * @throws {TrainingError} if one is not finite, or a variance is negative
   */
  async load(source: TensorSource, state: AdamWState, where = "AdamW"): Promise<void> {
    for (const [name, param] of this.#moments())
      await param.load(await readChecked(source.tensor(name), where, name.startsWith("variance.") ? 0 : undefined));
    this.#steps = state.steps;
    for (const slot of this.#slots) slot.steps = state.paramSteps[slot.name] ?? 0;
  }

  *#moments(): IterableIterator<NamedParam> {
    for (const { name, mean, variance } of this.#slots) {
      yield [`mean.${name}`, mean];
      yield [`variance.${name}`, variance];
    }
  }

  dispose(): void {
    for (const { mean, variance } of this.#slots) {
      mean.dispose();
      variance.dispose();
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #norms(gradients: Gradients): Promise<number[]> {
    const norms: number[] = [];
    for (const { name, names } of this.#clips) {
      const norm = gradients.norm(names);
      const [value] = await norm.data();
      norm.dispose();
      if (!Number.isFinite(value))
        throw new TrainingError({
          where: name === "all" ? "the gradients" : `the gradients of the group ${name}`,
          expected: "finite numbers",
          got: `a norm of ${value}`,
          fix: "The learning rate may be too high; nothing was changed by this step",
        });
      norms.push(value!);
    }
    return norms;
  }

  #move(slot: Slot, gradient: readonly (Tensor | undefined)[], gradientScale: number): void {
    if (gradient.every((part) => part === undefined)) return;
    const { learningRate, schedule, betas, eps, weightDecay } = slot.settings;
    slot.steps++;
    const attributes = {
      learningRate: learningRate * schedule(this.#steps),
      beta1: betas[0],
      beta2: betas[1],
      eps,
      weightDecay,
      step: slot.steps,
      gradientScale,
    };
    const { param, mean, variance } = slot;
    tidy(() => {
      const made = param.weight.parts.map((weight, i) => {
        const inputs = { weight, mean: mean.weight.parts[i]!, variance: variance.weight.parts[i]! };
        return adamW(gradient[i] ? { ...inputs, gradient: gradient[i] } : inputs, attributes);
      });
      param.assign(made.map(({ weight }) => weight));
      mean.assign(made.map(({ mean }) => mean));
      variance.assign(made.map(({ variance }) => variance));
    });
  }
}

function settingsOf({
  learningRate,
  betas = [0.9, 0.999],
  eps = 1e-8,
  weightDecay = 0.01,
  schedule = constantSchedule(),
}: AdamWSettings): Settings {
  expectThat(Array.isArray(betas) && betas.length === 2, "betas", "two numbers", betas);
  expectThat(typeof schedule === "function", "schedule", "a function from the step to a factor", schedule);
  const [beta1, beta2] = betas;
  checkNumber("learningRate", learningRate, learningRate >= 0, "at least 0");
  checkNumber("betas[0]", beta1, beta1 >= 0 && beta1 < 1, "from 0 to below 1");
  checkNumber("betas[1]", beta2, beta2 >= 0 && beta2 < 1, "from 0 to below 1");
  checkNumber("eps", eps, eps >= 0, "at least 0");
  checkNumber("weightDecay", weightDecay, weightDecay >= 0, "at least 0");
  return { learningRate, betas, eps, weightDecay, schedule };
}

function settingsList({ settings, clip }: Slot): readonly (number | null)[] {
  const { learningRate, betas, eps, weightDecay } = settings;
  return [learningRate, ...betas, eps, weightDecay, clip.maxGradNorm === Infinity ? null : clip.maxGradNorm];
}

function clipOf(name: string, maxGradNorm = Infinity): Clip {
  checkNumber("maxGradNorm", maxGradNorm, maxGradNorm > 0, "above 0");
  return { name, maxGradNorm, names: [] };
}

function ratioOf(ratio: NonNullable<ParamGroup["learningRateRatio"]>, name: string): number {
  const value = typeof ratio === "number" ? ratio : ratio(name);
  checkNumber("learningRateRatio", value, value >= 0 && value < Infinity, "at least 0");
  return value;
}

function checkNumber(where: string, value: number, isRight: boolean, expected: string): void {
  if (!(isRight && typeof value === "number"))
    throw new TrainingError({ where, expected: `a number ${expected}`, got: `${value}` });
}

/** Checks the parameters that an optimiser can update. */
function checked(params: Iterable<NamedParam>): NamedParam[] {
  const all = [...params];
  if (all.length === 0)
    throw new TrainingError({
      where: "AdamW",
      expected: "at least one trainable parameter",
      got: "none",
      fix: "Parameters are frozen until unfreeze() makes them trainable",
    });
  const names = new Set<string>();
  for (const [name, param] of all) {
    if (names.has(name))
      throw new TrainingError({ where: name, expected: "a unique name", got: "the name of another parameter" });
    if (!param.isTrainable)
      throw new TrainingError({ where: name, expected: "an unfrozen parameter", got: "a frozen one" });
    names.add(name);
  }
  return all;
}
