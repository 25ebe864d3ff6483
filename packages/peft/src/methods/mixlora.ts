import { chooseStrategy, takeAlong, topKIndices, untaped } from "@mixtape/ops";
import {
  cast,
  cumsum,
  gather,
  lessEqual,
  max,
  mul,
  slice,
  softmax,
  sub,
  sum,
  type Tensor2D,
  tensor1d,
  tensor2d,
} from "@tensorflow/tfjs-core";
import { Mixture, type MixtureOptions, type Ways } from "../mixture.js";
import { topK, topPKept } from "../routing.js";
import type { Texts } from "../texts.js";

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
 * MixLoRA-switch: the likeliest expert, times its probability, for as many tokens of a text as it takes; what comes later passes
 * the feed-forward by (Fedus et al. 2021, https://arxiv.org/abs/2101.03961, section 2.2). Padding takes no place, so that a text
 * is the same whatever it shares a batch with; MoE-PEFT counts it.
 */
export class SwitchMixture extends Mixture {
  readonly #capacity: number;

  constructor(options: MixtureOptions & { readonly capacity: number }) {
    super(options);
    this.#capacity = options.capacity;
  }

  protected override ways(logits: Tensor2D, texts: () => Texts): Ways {
    const probabilities = softmax(logits);
    const indices = topKIndices(probabilities, 1);
    const choice = this.choiceOf(indices);
    const taken = untaped(() => cast(lessEqual(placesOf(choice, texts()), this.#capacity), "float32") as Tensor2D);
    return { k: 1, choice, weights: mul(takeAlong(probabilities, indices), taken) };
  }
}

/** Which token of its text each is that an expert is to take, from 1; 0 for padding. @param choice `[N, E]` @returns `[N, 1]` */
function placesOf(choice: Tensor2D, { starts, isToken }: Texts): Tensor2D {
  const counted = isToken ? mul(choice, tensor2d(isToken, [isToken.length, 1])) : choice;
  const upTo = cumsum(counted, 0);
  const beforeText = gather(sub(upTo, counted), tensor1d(starts, "int32"));
  return sum(mul(sub(upTo, beforeText), counted), 1, true);
}
