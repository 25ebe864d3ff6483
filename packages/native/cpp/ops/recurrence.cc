#include "ops/recurrence.h"

#include <cstring>

#include "core/scratch.h"
#include "ops/share.h"

namespace mixtape {
namespace {

/** Columns of a head's state that a thread takes at a time: with 128 rows, what fits the nearest cache. */
constexpr size_t kStateColumns = 64;
/** Channels that a thread takes at a time. */
constexpr size_t kChannels = 256;

}  // namespace

void gated_delta_rule(const DeltaRule& rule, float* output, float* next) {
  const size_t rows = rule.rows, length = rule.length, groups = rule.groups, heads = rule.heads;
  const size_t key_width = rule.key_width, value_width = rule.value_width;
  Scratch scratch;
  const size_t keys = rows * length * groups;
  float* const q = scratch.floats(keys * key_width);
  float* const k = scratch.floats(keys * key_width);
  for_rows(keys, 2 * key_width, [&](size_t from, size_t to) {
    const size_t at = from * key_width;
    kernels().scale_rows(rule.q + at, to - from, key_width, rule.scale, rule.eps, q + at);
    kernels().scale_rows(rule.k + at, to - from, key_width, 1, rule.eps, k + at);
  });
  const Shares columns(value_width, kStateColumns);
  const size_t size = key_width * value_width;
  Pool::shared().run(rows * heads * columns.count, [&](size_t share) {
    const size_t head = share / columns.count, row = head / heads, of_row = head % heads;
    const size_t from = columns.from(share % columns.count), to = columns.to(share % columns.count);
    float* const state = next + head * size;
    for (size_t i = 0; i < key_width; i++) {
      float* const own = state + i * value_width + from;
      if (rule.state) std::memcpy(own, rule.state + head * size + i * value_width + from, (to - from) * sizeof *own);
      else std::fill_n(own, to - from, 0.0f);
    }
    const size_t group = (row * length * groups + of_row * groups / heads) * key_width;
    const size_t values = (row * length * heads + of_row) * value_width, gates = row * length * heads + of_row;
    kernels().delta_rule({q + group, k + group, rule.v + values, rule.g + gates, rule.beta + gates, length, key_width, value_width,
                          groups * key_width, heads * value_width, heads, state, output + values},
                         from, to);
  });
}

void causal_convolution(const Convolution& convolution, float* y, float* next) {
  const size_t length = convolution.length, width = convolution.width, before = convolution.taps - 1;
  const Shares channels(width, kChannels);
  Pool::shared().run(convolution.rows * channels.count, [&](size_t share) {
    const size_t row = share / channels.count;
    const float* const x = convolution.x + row * length * width;
    const float* const past = convolution.past ? convolution.past + row * before * width : nullptr;
    const size_t from = channels.from(share % channels.count), to = channels.to(share % channels.count);
    kernels().causal_convolution({x, past, convolution.weight, length, width, convolution.taps, y + row * length * width}, from, to);
    for (size_t i = 0; i < before; i++) {
      const size_t at = length + i;  // Among the past and the new inputs.
      float* const own = next + (row * before + i) * width + from;
      if (at < before && !past) std::fill_n(own, to - from, 0.0f);
      else std::memcpy(own, (at < before ? past + at * width : x + (at - before) * width) + from, (to - from) * sizeof *own);
    }
  });
}

}  // namespace mixtape
