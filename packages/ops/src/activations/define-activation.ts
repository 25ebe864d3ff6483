/** Defines activation functions and gatings of the caller's, and checks their parts against each other. */
import { tensor1d, tidy } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import {
  type Activation,
  type ActivationParts,
  buildActivation,
  checkedResult,
  type Gating,
  kindOf,
} from "./activation.js";
import { ACTIVATIONS } from "./activations.js";
import { type ClampedSwigluOptions, clampedSwiglu } from "./clamped-swiglu.js";

/**
 * Defines an activation function.
 * @throws {OpsError} if a part is missing or of another type, or `scalar` is another formula than the kernel's. A
 * `scalar` that disagrees with `forward` is refused at the first use that needs it.
 */
export function defineActivation(activation: ActivationParts): Activation {
  checkParts("defineActivation", activation, "forward");
  const built = buildActivation(activation);
  checkKernel(built);
  unchecked.add(built);
  return built;
}

/**
 * Defines a gating that is not the product of an activation and `up`.
 * @throws {OpsError} as {@link defineActivation}
 */
export function defineGating(gating: Gating): Gating {
  checkParts("defineGating", gating, "gate");
  const { name, gate } = gating;
  const built: Gating = {
    ...gating,
    gate: (a, b) => checkedResult(`gating ${JSON.stringify(name)}`, gate(a, b), a),
  };
  checkKernel(built);
  unchecked.add(built);
  return built;
}

function checkParts(where: string, parts: unknown, formula: "forward" | "gate"): void {
  const refuse = (part: string, expected: string, value: unknown): never => {
    throw new OpsError({ where: where + part, expected, got: kindOf(value) });
  };
  if (typeof parts !== "object" || parts === null) refuse("", `an object with name and ${formula}`, parts);
  const { name, [formula]: compute, scalar, kernel } = parts as Record<string, unknown>;
  if (typeof name !== "string" || name.trim() === "") refuse(": name", "a name, such as that in hidden_act", name);
  if (typeof compute !== "function") refuse(`: ${formula}`, "a function of tensors", compute);
  if (scalar !== undefined && typeof scalar !== "function") refuse(": scalar", "a function of numbers", scalar);
  const id: unknown = (kernel as Partial<Record<string, unknown>> | null | undefined)?.id;
  if (kernel !== undefined && (typeof id !== "string" || id === ""))
    refuse(": kernel", 'an object with the id of a kernel, such as { id: "silu" }', kernel);
}

const NUMBERS = [-10, -2.5, -1, -0.3, 0, 0.3, 1, 2.5, 10];
/** Pairs of gate and up at which formulas are compared. */
const POINTS = NUMBERS.flatMap((gate) => [-10, 0.5, 10].map((up) => [gate, up] as const));

/** Kernels compute their own formula: a gating that names another's would get it silently. */
function checkKernel({ name, scalar, kernel }: Gating): void {
  const published = kernel && publishedFormula(kernel);
  if (!published) return;
  const where = `activation ${JSON.stringify(name)}: kernel`;
  const fix = "Leave kernel out: engines then compose the formula";
  if (!scalar) throw new OpsError({ where, expected: `a scalar to compare with ${kernel.id}`, got: "no scalar", fix });
  const differs = POINTS.find(([gate, up]) => !isClose(scalar(gate, up), published(gate, up), 1e-5));
  if (!differs) return;
  throw new OpsError({
    where,
    expected: `a kernel of the formula of scalar, ${scalar(...differs)} for gate ${differs[0]} and up ${differs[1]}`,
    got: `${kernel.id}, ${published(...differs)}`,
    fix,
  });
}

/** Returns the formula of a kernel id of this package; undefined for those of other engines. */
function publishedFormula({ id, parameters }: NonNullable<Gating["kernel"]>): Gating["scalar"] {
  if (id === "clamped_swiglu") return clampedSwiglu({ ...parameters } as unknown as ClampedSwigluOptions).scalar;
  return ACTIVATIONS.find(({ kernel }) => kernel?.id === id)?.scalar;
}

/** Gatings whose two formulas have not been compared yet, which needs an engine. */
const unchecked = new WeakSet<Gating>();

/**
 * Compares the formulas of a gating, once.
 * @throws {OpsError} if `scalar` disagrees with the formula of tensors
 */
export function checkScalar(gating: Gating): void {
  const { name, scalar } = gating;
  if (!scalar || !unchecked.has(gating)) return;
  const values = tidy(() => {
    const [gate, up] = [0, 1].map((i) => tensor1d(POINTS.map((point) => point[i]!)));
    return gating.gate(gate!, up!).dataSync();
  });
  const wrong = POINTS.findIndex(([gate, up], i) => !isClose(scalar(gate, up), values[i]!, 1e-4));
  if (wrong >= 0) {
    const [gate, up] = POINTS[wrong]!;
    throw new OpsError({
      where: `activation ${JSON.stringify(name)}: scalar`,
      expected: `${values[wrong]} for gate ${gate} and up ${up}, as from the formula of tensors`,
      got: `${scalar(gate, up)}`,
      fix: "Correct it, or leave scalar out",
    });
  }
  unchecked.delete(gating);
}

/** Whether two results are equal but for rounding; two that are not finite are. */
function isClose(a: number, b: number, tolerance: number): boolean {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.isFinite(a) === Number.isFinite(b);
  return Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b));
}
