#include "ops/choose_experts.h"

#include "core/scratch.h"
#include "kernels/table.h"
#include "ops/share.h"
#include "ops/top_k.h"

namespace mixtape {

void choose_experts(const float* logits, const float* bias, size_t tokens, const RoutingSpec& spec, int32_t* indices,
                    float* weights) {
  const size_t experts = spec.experts;
  const size_t k = spec.k;
  const Kernels& use = kernels();
  Scratch scratch;
  float* const scores = scratch.floats(tokens * experts);
  float* const selection_scores = bias ? scratch.floats(tokens * experts) : scores;
  for_rows(tokens, experts, [&](size_t from, size_t to) {
    const size_t at = from * experts;
    if (spec.is_softmax)
      use.softmax(logits + at, to - from, experts, scores + at);
    else
      use.unary(Unary::sigmoid, logits + at, (to - from) * experts, scores + at);
    for (size_t token = from; token < to; token++) {
      const float* const score = scores + token * experts;
      float* const selection = selection_scores + token * experts;
      if (bias) use.binary(Binary::add, score, false, bias, false, experts, selection);
      int32_t* const chosen = indices + token * k;
      top_k_of(selection, experts, k, chosen);
      float* const weight = weights + token * k;
      float sum = 0;
      for (size_t j = 0; j < k; j++) sum += weight[j] = score[chosen[j]];
      // As in the reference of DeepSeek-V3: scores that are all 0 give the weights 0. No other sum changes by it.
      const float divisor = spec.normalizes ? sum + 1e-20f : 1.0f;
      for (size_t j = 0; j < k; j++) weight[j] = weight[j] / divisor * spec.scale;
    }
  });
}

}  // namespace mixtape
