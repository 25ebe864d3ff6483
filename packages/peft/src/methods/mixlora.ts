import { chooseStrategy, reshape, takeAlong, topKIndices, untaped } from "@mixtape/ops";
import {
  cast,
  cumsum,
  lessEqual,
  max,
  mul,
  slice,
  softmax,
  sum,
  type Tensor2D,
  type Tensor3D,
} from "@tensorflow/tfjs-core";
import { Mixture, type MixtureOptions, type Ways } from "../mixture.js";
import { topK, topPKept } from "../routing.js";

/** MixLoRA: each token's k likeliest experts, their weights made to sum to 1 (Li et al. 2024, https://arxiv.org/abs/2404.15159). */
export class TopKMixture extends Mixture {
  readonly #k: number;

  constructor(options: MixtureOptions & { readonly topK: number }) {
    super(options);
    this.#k = options.topK;
  }

  protected override ways(logits: Tensor2D): Ways {
    const { indices, weights } = topK(logits, this.#k);
    return { k: this.#k, choice: this.choiceOf(indices), weights };
  }
}

/**
 * MixLoRA-dynamic: the likeliest experts up to and with the one by which their probability exceeds `topP`, as likely as they are:
 * the weights are not made to sum to 1 (Huang et al. 2024, https://arxiv.org/abs/2403.07652, as MoE-PEFT has it).
 */
export class DynamicMixture extends Mixture {
  readonly #topP: number;
  readonly #temperature: number;

  constructor(options: MixtureOptions & { readonly topP: number; readonly temperature: number }) {
    super(options);
    this.#topP = options.topP;
    this.#temperature = options.temperature;
  }

  protected override ways(logits: Tensor2D): Ways {
    const { order, sorted, kept } = topPKept(logits, this.#topP, this.#temperature);
    const k = untaped(() => mostKept(kept));
    const first = (tensor: Tensor2D): Tensor2D => slice(tensor, [0, 0], [-1, k]);
    return { k, choice: this.choiceOf(first(order)), weights: first(mul(sorted, kept)) };
  }
}

/** How many ways any row goes, where that can be read back at once; else as many as there are experts. */
function mostKept(kept: Tensor2D): number {
  const [tokens, experts] = kept.shape;
  const strategy = chooseStrategy({ tokens, k: 1, experts });
  return strategy === "fused" || strategy === "sparse" ? max(sum(kept, 1)).dataSync()[0]! : experts;
}

/**
 * MixLoRA-switch: the likeliest expert, times its probability, for as many tokens of a sequence as it takes; what comes later
 * passes the feed-forward by (Fedus et al. 2021, https://arxiv.org/abs/2101.03961, section 2.2).
 */
export class SwitchMixture extends Mixture {
  readonly #capacity: number;

  constructor(options: MixtureOptions & { readonly capacity: number }) {
    super(options);
    this.#capacity = options.capacity;
  }

  protected override ways(logits: Tensor2D, perSequence: number): Ways {
    const probabilities = softmax(logits);
    const indices = topKIndices(probabilities, 1);
    const choice = this.choiceOf(indices);
    const taken = untaped(() => {
      const [rows, e] = choice.shape;
      const inSequence = reshape<never>(choice, [rows / perSequence, perSequence, e] as never) as unknown as Tensor3D;
      const place = reshape(sum(mul(cumsum(inSequence, 1), inSequence), 2), [rows, 1]);
      return cast(lessEqual(place, this.#capacity), "float32") as Tensor2D;
    });
    return { k: 1, choice, weights: mul(takeAlong(probabilities, indices), taken) };
  }
}
