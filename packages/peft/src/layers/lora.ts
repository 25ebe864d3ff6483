import { add, type Tensor, type Tensor2D, tidy } from "@tensorflow/tfjs-core";
import { AdapterLayer, type Rows } from "./adapter-layer.js";

/**
 * LoRA: `y + s·B·A·x` (Hu et al. 2021, https://arxiv.org/abs/2106.09685). Where the router of a feed-forward has chosen one of
 * several experts for a row, it is that expert's update.
 */
export class Lora extends AdapterLayer {
  override forward(x: Tensor2D, y: Tensor2D, rows: Rows): Tensor2D {
    return add(y, this.update(x, rows, rows.assignment));
  }

  override get merged(): ((base: Tensor) => Tensor) | undefined {
    return this.options.experts === 1 && !this.loraBias ? (base) => tidy(() => add(base, this.product)) : undefined;
  }
}
