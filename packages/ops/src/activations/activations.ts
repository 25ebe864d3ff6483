import type { Activation } from "./activation.js";
import { gelu } from "./gelu.js";
import { geluTanh } from "./gelu-tanh.js";
import { relu } from "./relu.js";
import { relu2 } from "./relu2.js";
import { sigmoid } from "./sigmoid.js";
import { silu } from "./silu.js";

/** Activation functions of this package, under the names of transformers. */
export const ACTIVATIONS: readonly Activation[] = [silu, gelu, geluTanh, relu, relu2, sigmoid];
