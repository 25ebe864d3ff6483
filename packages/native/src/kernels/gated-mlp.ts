import type { FusedKernels } from "@mixtape/ops";
import { ACTIVATIONS, addon } from "../addon.js";
import { plainMatrix } from "../matrix.js";
import { type Back, Wanted } from "./back.js";
import type { NativeKernel } from "./kernel.js";
import { backToMatrix, backToRows, withScratch } from "./product-back.js";

type GatedMlp = FusedKernels["MixtapeGatedMlp"];

/** `gatedMlp` of `ops`: any storage format, on all threads. */
export const gatedMlpKernel: NativeKernel = {
  name: "MixtapeGatedMlp",
  run(backend, { x, gate, up, down }: GatedMlp["inputs"], { activation, transposed }: GatedMlp["attrs"]) {
    const out = backend.output(x.shape);
    addon().gatedMlp(
      backend.floats(out),
      backend.floats(x),
      plainMatrix(backend, gate, transposed),
      plainMatrix(backend, up, transposed),
      plainMatrix(backend, down, transposed),
      x.shape.at(-1)!,
      gate.shape[transposed ? 1 : 0]!,
      ACTIVATIONS[activation],
      backend.precision,
    );
    return out;
  },
};

/** The way back of `gatedMlp`; what the way there had in between is computed again. */
export const gatedMlpBackKernel: NativeKernel = {
  name: "MixtapeGatedMlpBack",
  run(backend, inputs: Back<GatedMlp>["inputs"], { activation, transposed, wanted }: Back<GatedMlp>["attrs"]) {
    const { gate, up, down } = inputs;
    const to = new Wanted(backend, inputs, wanted);
    const [x, dy] = [backend.floats(inputs.x), backend.floats(inputs.dy0)];
    const width = inputs.x.shape.at(-1)!;
    const inner = gate.shape[transposed ? 1 : 0]!;
    const length = (x.length / width) * inner;
    const kind = ACTIVATIONS[activation];
    const [byX, byGate, byUp, byDown] = [to.floats("x"), to.floats("gate"), to.floats("up"), to.floats("down")];
    withScratch(backend, [length, length, length], (a, b, above) => {
      addon().linear(a!, x, plainMatrix(backend, gate, transposed), null, width, backend.precision);
      addon().linear(b!, x, plainMatrix(backend, up, transposed), null, width, backend.precision);
      if (byDown) {
        addon().gate(above!, a!, b!, kind);
        backToMatrix(byDown, dy, above!, width, inner, transposed);
      }
      backToRows(backend, above!, dy, down, transposed);
      addon().gateBack(a!, b!, a!, b!, above!, kind);
      if (byX) {
        backToRows(backend, byX, a!, gate, transposed);
        backToRows(backend, byX, b!, up, transposed, true);
      }
      if (byGate) backToMatrix(byGate, a!, x, inner, width, transposed);
      if (byUp) backToMatrix(byUp, b!, x, inner, width, transposed);
    });
    return [...to.all];
  },
};
