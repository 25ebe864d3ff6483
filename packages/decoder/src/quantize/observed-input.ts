import { Experts, Linear, type Module, type Param } from "@mixtape/layers";
import { QuantizationError } from "@mixtape/quantization";

/** Input of one or more matrices of a layer: of a linear layer, of gate and up projection of an expert, or of its down projection. */
export interface ObservedInput {
  readonly module: Linear | Experts;
  /** Parameters of the module that have a matrix with this input. */
  readonly params: readonly Param[];
  /** Index of the expert, which is that of the matrix in each of its parameters; 0 for a linear layer. */
  readonly index: number;
  /** Columns of the matrices. */
  readonly columns: number;
}

/**
 * Returns the inputs of the matrices of a module and of its parts that can be observed: of linear layers, and of each expert.
 * @param isWanted whether the input of a parameter's matrices is wanted
 */
export function observedInputs(root: Module, isWanted: (param: Param) => boolean): ObservedInput[] {
  const inputs: ObservedInput[] = [];
  for (const [, module] of root.namedModules()) {
    const shared =
      module instanceof Linear
        ? [[module.weight]]
        : module instanceof Experts
          ? [[module.gateProj, module.upProj], [module.downProj]]
          : [];
    const wanted = shared.map((params) => params.filter(isWanted)).filter((params) => params.length > 0);
    const experts = module instanceof Experts ? module.gateProj.shape[0]! : 1;
    for (let index = 0; index < experts; index++)
      for (const params of wanted)
        inputs.push({ module: module as Linear | Experts, params, index, columns: params[0]!.shape.at(-1)! });
  }
  return inputs;
}

/** Bytes of the sum of `xᵀx` in float32, by the square of the columns. */
const SUM_BYTES = 4;

/** The same, with its copy in JavaScript's memory, and the factor and the columns of its decomposition in float64. */
const WORK_BYTES = 2 * SUM_BYTES + 8 + 4;

/** Part of the free memory that sums take. The rest is for the decomposition of one of them, for activations and for what was quantised. */
const SUMS_SHARE = 1 / 2;

/**
 * Divides inputs into passes over the text, as few as the free memory allows: the sums of a pass are in memory together. An input
 * that does not fit has a pass of its own.
 * @param free bytes; null if they are not known: then there is one pass
 */
export function passesOf(inputs: readonly ObservedInput[], free: number | null): ObservedInput[][] {
  const room = (free ?? Number.POSITIVE_INFINITY) * SUMS_SHARE;
  const passes: ObservedInput[][] = [];
  let left = 0;
  for (const input of inputs) {
    const bytes = SUM_BYTES * input.columns ** 2;
    if (passes.length === 0 || bytes > left) {
      passes.push([]);
      left = room;
    }
    passes.at(-1)!.push(input);
    left -= bytes;
  }
  return passes;
}

/**
 * @param nameOf name of the first matrix of an input, for errors
 * @param free bytes; null if they are not known
 * @throws {QuantizationError} if the memory does not suffice for the widest input alone
 */
export function refuseWideInputs(
  inputs: readonly ObservedInput[],
  nameOf: (input: ObservedInput) => string,
  free: number | null,
): void {
  const wide = free !== null && inputs.find(({ columns }) => WORK_BYTES * columns ** 2 > free);
  if (!wide) return;
  throw new QuantizationError({
    where: nameOf(wide),
    expected: `${gib(WORK_BYTES * wide.columns ** 2)} of free memory to calibrate its ${wide.columns} columns`,
    got: gib(free),
    fix: "Free memory, quantise this module to 8 bits or not at all, or quantise without calibration",
  });
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
