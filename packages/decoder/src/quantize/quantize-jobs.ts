import { QuantizationError, quantizingView, type Recipe, type WeightScheme } from "@mixtape/quantization";
import type { LoadJob, TensorMatch } from "../match-tensors.js";
import { moduleOf } from "./module-of.js";
import { refuseQuantized } from "./refuse-quantized.js";

/**
 * Returns the parameters to load, with views of the matrices that a recipe quantises: each is quantised when it is read.
 * @param where name of the checkpoint, for errors
 * @throws {QuantizationError} for a checkpoint that is quantised already, experts of a layer with different schemes, and
 *   a group size that does not divide the columns of a matrix
 */
export function quantizeJobs(match: TensorMatch, recipe: Recipe, where: string): readonly LoadJob[] {
  refuseQuantized(match, where);
  return match.jobs.map((job) => {
    const scheme = schemeOf(job, recipe);
    return scheme ? { ...job, view: quantizingView(job.view, scheme) } : job;
  });
}

/** Returns the scheme of a parameter; undefined if it stays as it is. */
function schemeOf({ param, savedIn }: LoadJob, recipe: Recipe): WeightScheme | undefined {
  if (param.role === "vector" || param.role === "vectors") return undefined;
  const [first, ...others] = savedIn.map((name) => ({ name, scheme: recipe(moduleOf(name)) }));
  const other = others.find(({ scheme }) => JSON.stringify(scheme) !== JSON.stringify(first!.scheme));
  if (!other) return first!.scheme;
  throw new QuantizationError({
    where: other.name,
    expected: `the format of ${first!.name}: ${show(first!.scheme)}`,
    got: show(other.scheme),
    fix: "Experts of a layer are quantised alike: use a rule for all of them",
  });
}

function show(scheme: WeightScheme | undefined): string {
  if (!scheme) return "none";
  return scheme.type === "float" ? `fp${scheme.bits}` : `int${scheme.bits}, groups of ${scheme.groupSize}`;
}
