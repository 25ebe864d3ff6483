import type { Activation } from "./activation.js";
import { gelu } from "./gelu.js";
import { geluTanh } from "./gelu-tanh.js";
import { relu } from "./relu.js";
import { relu2 } from "./relu2.js";
import { sigmoid } from "./sigmoid.js";
import { silu } from "./silu.js";

/** All activation functions of this package, under the names that transformers gives them. */
export const ACTIVATIONS: readonly Activation[] = [silu, gelu, geluTanh, relu, relu2, sigmoid];
