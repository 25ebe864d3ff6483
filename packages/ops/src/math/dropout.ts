import { add, cast, greaterEqual, mul, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { noGrad } from "../autodiff/tape.js";
import { OpsError } from "../errors.js";
import { currentRng } from "../random/rng.js";

/**
 * Zero with probability `p`, else divided by `1 − p` (Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html).
 * It is off, and gives `x` itself, where `p` is 0 and outside of `withRng`: in inference.
 * @throws {OpsError} where `p` is not from 0 to below 1.
 */
export function dropout<T extends Tensor>(x: T, p: number): T {
  if (!(p >= 0 && p < 1)) throw new OpsError({ where: "dropout", expected: "a p from 0 to below 1", got: `${p}` });
  const randomness = currentRng();
  if (p === 0 || !randomness) return x;
  return tidy(() => {
    const factors = noGrad(() => mul(cast(greaterEqual(randomness.uniform(x.shape), p), "float32"), 1 / (1 - p)));
    return mul(x, factors) as T;
  });
}

/**
 * Each element times a number of its own, even from `1 − eps` to `1 + eps`, as Switch Transformers give routers to explore with
 * (Fedus et al. 2021, https://arxiv.org/abs/2101.03961, section 2.2). It is off where `eps` is 0 and outside of `withRng`.
 * @throws {OpsError} where `eps` is below 0.
 */
export function jitter<T extends Tensor>(x: T, eps: number): T {
  if (!(eps >= 0)) throw new OpsError({ where: "jitter", expected: "an eps of at least 0", got: `${eps}` });
  const randomness = currentRng();
  if (eps === 0 || !randomness) return x;
  return tidy(() => {
    const factors = noGrad(() => add(mul(randomness.uniform(x.shape), 2 * eps), 1 - eps));
    return mul(x, factors) as T;
  });
}

/**
 * Adds to each element a number of its own, normal with mean 0 and standard deviation `std`, as noisy top-k gating does (Shazeer et
 * al. 2017, https://arxiv.org/abs/1701.06538, equation 4). It is off where `std` is 0 and outside of `withRng`.
 * @throws {OpsError} where `std` is below 0.
 */
export function gaussianNoise<T extends Tensor>(x: T, std = 1): T {
  if (!(std >= 0)) throw new OpsError({ where: "gaussianNoise", expected: "an std of at least 0", got: `${std}` });
  const rng = currentRng();
  if (std === 0 || !rng) return x;
  return tidy(() => {
    const noise = noGrad(() => mul(rng.normal(x.shape), std));
    return add(x, noise) as T;
  });
}
