// Compiled for AMX with BF16, and for all that avx512.cc is: its kernels serve where tiles do not.
#include "isa/tables.h"
#include "kernels/amx_product.h"
#include "kernels/amx_transposed_product.h"
#include "kernels/attention_tiles.h"
#include "kernels/table_of.h"
#include "simd/avx512.h"

namespace mixtape {
namespace {

/** Below so many tokens, dot products keep up with the memory, and need no packing. */
constexpr size_t kMinTokens = 4;

const Product& product(Dtype weights, Precision activations, size_t tokens) {
  const bool fits = weights == Dtype::bfloat16 && activations == Precision::bfloat16 && tokens >= kMinTokens;
  return fits ? AmxProduct::product : product_of<Avx512>(weights, activations, tokens);
}

const TransposedProduct& transposed(Dtype weights, Precision activations) {
  const bool fits = weights == Dtype::bfloat16 && activations == Precision::bfloat16;
  return fits ? AmxTransposed::product : transposed_product_of<Avx512>(weights, activations);
}

constexpr Kernels table() {
  Kernels table = table_of<Avx512>();
  table.name = "amx";
  table.product = product;
  table.transposed_product = transposed;
  table.peaks.bfloat16 = AmxProduct::rounds;
  table.attention.many = attend_many_on_tiles<Avx512>;
  return table;
}

}  // namespace

const Kernels* amx_kernels() {
  static constexpr Kernels kernels = table();
  return &kernels;
}

}  // namespace mixtape
