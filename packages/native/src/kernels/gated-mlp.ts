import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import { gatingNumbers } from "../gatings.js";
import { plainMatrix } from "../matrix.js";
import { type BackwardKernel, GradientOutputs } from "./backward.js";
import { floatsOrNull, type NativeKernel } from "./kernel.js";
import { linearGradInput, linearGradWeight } from "./linear-gradients.js";
import { withScratch } from "./scratch.js";

type GatedMlp = FusedKernels["MixtapeGatedMlp"];

/** `gatedMlp` of `ops`: any storage format, on all threads. */
export const gatedMlpKernel: NativeKernel = {
  name: "MixtapeGatedMlp",
  run(backend, inputs: GatedMlp["inputs"], { gating, transposed }: GatedMlp["attrs"]) {
    const { x, gate, up, down } = inputs;
    const out = backend.output(x.shape);
    addon().gatedMlp(
      backend.floats(out),
      backend.floats(x),
      plainMatrix(backend, gate, transposed),
      plainMatrix(backend, up, transposed),
      plainMatrix(backend, down, transposed),
      floatsOrNull(backend, inputs.gateBias),
      floatsOrNull(backend, inputs.upBias),
      floatsOrNull(backend, inputs.downBias),
      x.shape.at(-1)!,
      gate.shape[transposed ? 1 : 0]!,
      gatingNumbers(gating),
      backend.precision,
    );
    return out;
  },
};

/** The backward pass of `gatedMlp`; what the forward pass had in between is computed again. */
export const gatedMlpBackKernel: NativeKernel = {
  name: "MixtapeGatedMlpBack",
  run(
    backend,
    inputs: BackwardKernel<GatedMlp>["inputs"],
    { gating, transposed, wanted }: BackwardKernel<GatedMlp>["attrs"],
  ) {
    const { gate, up, down } = inputs;
    const to = new GradientOutputs(backend, inputs, wanted);
    const [x, dy] = [backend.floats(inputs.x), backend.floats(inputs.dy0)];
    const width = inputs.x.shape.at(-1)!;
    const inner = gate.shape[transposed ? 1 : 0]!;
    const length = (x.length / width) * inner;
    const kind = gatingNumbers(gating);
    const [gateBias, upBias] = [floatsOrNull(backend, inputs.gateBias), floatsOrNull(backend, inputs.upBias)];
    const [gradX, gradGate, gradUp, gradDown] = [to.floats("x"), to.floats("gate"), to.floats("up"), to.floats("down")];
    withScratch(backend, [length, length, length], (a, b, upstream) => {
      addon().linear(a!, x, plainMatrix(backend, gate, transposed), gateBias, width, backend.precision);
      addon().linear(b!, x, plainMatrix(backend, up, transposed), upBias, width, backend.precision);
      if (gradDown) {
        addon().gate(upstream!, a!, b!, kind);
        linearGradWeight(gradDown, dy, upstream!, width, inner, transposed);
      }
      linearGradInput(backend, upstream!, dy, down, transposed);
      addon().gateBack(a!, b!, a!, b!, upstream!, kind);
      if (gradX) {
        linearGradInput(backend, gradX, a!, gate, transposed);
        linearGradInput(backend, gradX, b!, up, transposed, true);
      }
      if (gradGate) linearGradWeight(gradGate, a!, x, inner, width, transposed);
      if (gradUp) linearGradWeight(gradUp, b!, x, inner, width, transposed);
      sumInto(to.floats("gateBias"), a!, inner);
      sumInto(to.floats("upBias"), b!, inner);
      sumInto(to.floats("downBias"), dy, width);
    });
    return [...to.all];
  },
};

/** Writes the gradient of a bias, the sum of rows as long as it, if it is wanted. */
function sumInto(gradBias: Float32Array | null, rows: Float32Array, width: number): void {
  if (gradBias) addon().sumColumns(gradBias, rows, width);
}
