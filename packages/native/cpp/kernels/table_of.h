#pragma once
// The kernels of one instruction set, from the sources that all share.

#include "kernels/adam_w.h"
#include "kernels/attention.h"
#include "kernels/decode.h"
#include "kernels/decoded_panels.h"
#include "kernels/dot_product.h"
#include "kernels/elementwise.h"
#include "kernels/encode.h"
#include "kernels/gate.h"
#include "kernels/int8_panels.h"
#include "kernels/int8_product.h"
#include "kernels/panel_product.h"
#include "kernels/peaks.h"
#include "kernels/recurrence.h"
#include "kernels/reduce.h"
#include "kernels/rms_norm.h"
#include "kernels/rotary.h"
#include "kernels/table.h"
#include "kernels/transposed_product.h"

namespace mixtape {
namespace {

/** From so many tokens on, decoding quantised weights pays, where there are no panels of codes. */
constexpr size_t kMinDecodedTokens = 16;

/** The product of quantised weights by activations that may be rounded. */
template <class S> const Product& rounding_product_of(Dtype weights, size_t tokens) {
  if constexpr (S::kPanelTokens > 0)
    return with_format(weights, [&](auto format) -> const Product& {
      using Panels = Int8Panels<S, decltype(format)>;
      return tokens < Panels::Dots::kMinTokens ? Int8Product<S, decltype(format)>::product : Panels::product;
    });
  return tokens < kMinDecodedTokens ? int8_product<S>(weights) : DecodedPanels<S>::product;
}

template <class S> const Product& product_of(Dtype weights, Precision activations, size_t tokens) {
  if (is_quantized(weights))
    return activations == Precision::float32 ? DecodedPanels<S>::product : rounding_product_of<S>(weights, tokens);
  const bool in_pairs = S::kBfloat16Product && weights == Dtype::bfloat16 && activations == Precision::bfloat16;
  return tokens >= kMinPanelTokens && !in_pairs ? panel_product<S>(weights) : dot_product<S>(weights, activations);
}

template <class S> const TransposedProduct& transposed_product_of(Dtype weights, Precision activations) {
  return is_quantized(weights) ? DecodedTransposedPanels<S>::product : transposed_product<S>(weights, activations);
}

template <class S> constexpr Kernels table_of() {
  return {
      S::kName,
      product_of<S>,
      transposed_product_of<S>,
      decode<S>,
      decode_row<S>,
      rms_norm<S>,
      rms_norm_back<S>,
      rotary<S>,
      scale_rows<S>,
      delta_rule<S>,
      causal_convolution<S>,
      binary<S>,
      unary<S>,
      sum_of<S>,
      sum_squares_of<S>,
      max_of<S>,
      softmax<S>,
      log_sum_exp<S>,
      scaled_exp<S>,
      gate<S>,
      gate_back<S>,
      adam_w<S>,
      encode<S>,
      attention_kernels<S>(),
      Panels<S>::product,
      peak_kernels<S>(),
  };
}

}  // namespace
}  // namespace mixtape
