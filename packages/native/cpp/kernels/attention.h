#pragma once
// Attention: of one query, and of many.

#include "kernels/attention_many.h"
#include "kernels/attention_one.h"
#include "kernels/key_values.h"

namespace mixtape {
namespace {

template <class S> constexpr AttentionKernels attention_kernels() {
  return {attend_one<S>, attend_many<S>, merge_states<S>, encode_key_values<S>, decode_key_values<S>};
}

}  // namespace
}  // namespace mixtape
