// Quantised weights on every instruction set that runs here: decoded, and multiplied by activations in float32 and in 8 bits, against the
// plain formulas in float64.

#include "core/kernels.h"
#include "test/blocks.h"
#include "test/wide_panels.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_floats;
using check::RandomBlocks;

/** A format, with the group and dtype of its scales where they are apart. */
struct Case {
  Dtype dtype;
  size_t group;
  Dtype scales;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (int dtype = static_cast<int>(Dtype::q4_0); dtype < static_cast<int>(Dtype::int4); dtype++)
    cases.push_back({static_cast<Dtype>(dtype), 0, Dtype::bfloat16});
  for (const Dtype dtype : {Dtype::int4, Dtype::int8})
    for (const size_t group : {32, 64, 512})
      for (const Dtype scales : {Dtype::bfloat16, Dtype::float16}) cases.push_back({dtype, group, scales});
  return cases;
}

std::string of(const Kernels& table, const Case& from, std::initializer_list<size_t> sizes) {
  return std::string(table.name) + " format " + std::to_string(static_cast<int>(from.dtype)) + " " + check::text_of(sizes);
}

/** Rounds activations to 8 bits, in blocks of 32. */
Buffer<float> rounded(const Buffer<float>& x) {
  Buffer<float> out(x.size());
  for (size_t from = 0; from < x.size(); from += 32) {
    float largest = 0;
    for (size_t i = from; i < from + 32; i++) largest = std::max(largest, std::fabs(x[i]));
    for (size_t i = from; i < from + 32; i++) out[i] = largest > 0 ? largest / 127 * std::nearbyint(x[i] * (127 / largest)) : 0;
  }
  return out;
}

/** Multiplies as operations do: packs in shares, then multiplies some rows and the others. Returns `y [tokens, rows + 3]`. */
Buffer<float> multiply(const Product& product, const Matrix& w, const Buffer<float>& x, size_t tokens) {
  const size_t width = w.columns;
  const size_t bytes = product.packed_bytes(tokens, width);
  std::unique_ptr<uint8_t, void (*)(void*)> packed(static_cast<uint8_t*>(::operator new(bytes + 1, std::align_val_t{64})),
                                                   [](void* p) { ::operator delete(p, std::align_val_t{64}); });
  for (size_t t = 0; t < tokens; t += product.group)
    for (size_t first = 0; first < width; first += 96) {
      const Activations part = {x.data() + first, width, nullptr, first, std::min<size_t>(96, width - first)};
      product.pack(part, t, std::min(tokens, t + product.group), tokens, width, packed.get());
    }
  const size_t stride = w.rows + 3;
  Buffer<float> y((tokens - 1) * stride + w.rows);
  for (float& value : y) value = -7;
  const size_t cut = std::min<size_t>(w.rows, 32);
  product.multiply(w.slice(0, cut), packed.get(), tokens, y.data(), stride);
  if (cut < w.rows) product.multiply(w.slice(cut, w.rows), packed.get(), tokens, y.data() + cut, stride);
  return y;
}

void check_product(const Kernels& table, const Case& from, Precision precision, size_t tokens, size_t rows, size_t width) {
  const RandomBlocks w(from.dtype, rows, width, from.group, from.scales);
  Buffer<float> x = random_floats(tokens * width, 1);
  for (size_t i = 0; i < 32; i++) x[i] = 0;
  const Buffer<float> y = multiply(table.product(from.dtype, precision, tokens), w.matrix, x, tokens);
  const size_t stride = rows + 3;
  const bool rounds = precision != Precision::float32 && &table.product(from.dtype, precision, tokens) != &table.product(from.dtype, Precision::float32, tokens);
  const Buffer<float> in_8_bits = rounded(x);
  const Buffer<float>& used = rounds ? in_8_bits : x;
  for (size_t t = 0; t < tokens; t++) {
    for (size_t n = 0; n < rows; n++) {
      double expected = 0, size = 0;
      for (size_t k = 0; k < width; k++) {
        const double term = static_cast<double>(used[t * width + k]) * static_cast<double>(w.values[n * width + k]);
        expected += term;
        size += std::fabs(term);
      }
      // Numbers of a block are sums of terms that may be larger than they are.
      const double unit = static_cast<double>(width + 64) * 0x1p-22;
      CHECK_IN(check::near(y[t * stride + n], expected, size * unit + 1e-30), of(table, from, {tokens, rows, width, t, n}));
    }
    for (size_t n = rows; t + 1 < tokens && n < stride; n++) CHECK_IN(y[t * stride + n] == -7, of(table, from, {tokens, rows, width}));
  }
}

/** Each token takes a column of the weights: no other number may get in. */
void check_columns(const Kernels& table, const Case& from, Precision precision, size_t tokens, size_t rows, size_t width) {
  const RandomBlocks w(from.dtype, rows, width, from.group, from.scales);
  const auto column = [&](size_t t) { return tokens == width ? t : (t * 37 + 5) % width; };
  Buffer<float> x(tokens * width);
  for (size_t t = 0; t < tokens; t++) x[t * width + column(t)] = 1;
  const Buffer<float> y = multiply(table.product(from.dtype, precision, tokens), w.matrix, x, tokens);
  // Numbers of a block are differences of larger ones.
  double largest = 0;
  for (const float value : w.values) largest = std::max(largest, static_cast<double>(std::fabs(value)));
  for (size_t t = 0; t < tokens; t++)
    for (size_t n = 0; n < rows; n++) {
      const double expected = static_cast<double>(w.values[n * width + column(t)]);
      CHECK_IN(check::near(y[t * (rows + 3) + n], expected, 0x1p-19 * largest), of(table, from, {tokens, rows, width, t, n}));
    }
}

TEST(quantized_rows_decode) {
  for (const Kernels* table : check::tested_kernels())
    for (const Case& from : all_cases()) {
      const RandomBlocks w(from.dtype, 3, 512, from.group, from.scales);
      Buffer<float> got(512, 1);
      for (size_t row = 0; row < 3; row++) {
        table->decode_row(w.matrix, row, got.data());
        for (size_t i = 0; i < 512; i++) {
          const double expected = static_cast<double>(w.values[row * 512 + i]);
          CHECK_IN(check::near(got[i], expected, 1e-6 * std::fabs(expected) + 1e-5), of(*table, from, {row, i}));
        }
      }
    }
}

TEST(quantized_products) {
  for (const Kernels* table : check::tested_kernels())
    for (const Case& from : all_cases())
      for (const Precision precision : {Precision::float32, Precision::bfloat16})
        for (const size_t tokens : {1, 2, 3, 5, 9, 17, 100})
          for (const size_t rows : {1, 2, 35}) check_product(*table, from, precision, tokens, rows, tokens == 3 ? 1536 : 512);
}

TEST(quantized_products_of_columns) {
  for (const Kernels* table : check::tested_kernels())
    for (const Case& from : all_cases())
      for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
        check_columns(*table, from, precision, 512, 35, 512);
        check_columns(*table, from, precision, 70, 70, 2560);
      }
}

TEST(quantized_products_of_wide_panels) {
  Kernels wide = check::tested_kernels().front()[0];
  wide.name = "wide";
  wide.product = [](Dtype weights, Precision precision, size_t tokens) -> const Product& {
    return precision == Precision::float32 ? kernels().product(weights, precision, tokens) : wide_product(weights, precision, tokens);
  };
  for (const Case& from : all_cases())
    for (const size_t tokens : {1, 7, 8, 9, 100})
      for (const size_t rows : {1, 35}) check_product(wide, from, Precision::bfloat16, tokens, rows, tokens == 7 ? 1536 : 512);
}

TEST(quantized_products_of_what_is_no_number) {
  for (const Kernels* table : check::tested_kernels())
    for (const float odd : {NAN, INFINITY, -INFINITY}) {
      const Product& product = table->product(Dtype::q8_0, Precision::bfloat16, 1);
      const RandomBlocks w(Dtype::q8_0, 2, 64);
      Buffer<float> x = random_floats(64), y(2);
      x[40] = odd;
      Buffer<double> packed(product.packed_bytes(1, 64) / sizeof(double) + 1);
      product.pack({x.data(), 64, nullptr, 0, 64}, 0, 1, 1, 64, reinterpret_cast<uint8_t*>(packed.data()));
      product.multiply(w.matrix, reinterpret_cast<const uint8_t*>(packed.data()), 1, y.data(), 2);
      CHECK_IN(std::isnan(y[0]) && std::isnan(y[1]), table->name);
    }
}

TEST(quantized_transposed_products) {
  for (const Kernels* table : check::tested_kernels())
    for (const Case& from : all_cases())
      for (const size_t tokens : {1, 7}) {
        constexpr size_t kRows = 37, kWidth = 512;
        const TransposedProduct& product = table->transposed_product(from.dtype, Precision::bfloat16);
        const RandomBlocks w(from.dtype, kRows, kWidth, from.group, from.scales);
        const Buffer<float> x = random_floats(tokens * kRows, 1);
        const size_t bytes = product.packed_bytes(tokens, kRows) + product.scratch;
        std::unique_ptr<uint8_t, void (*)(void*)> memory(static_cast<uint8_t*>(::operator new(bytes + 64, std::align_val_t{64})),
                                                         [](void* p) { ::operator delete(p, std::align_val_t{64}); });
        product.pack(x.data(), kRows, nullptr, 0, tokens, kRows, memory.get());
        uint8_t* const scratch = memory.get() + (product.packed_bytes(tokens, kRows) + 63) / 64 * 64;
        for (const auto& [begin, end] : {std::pair<size_t, size_t>{0, 512}, {70, 300}, {511, 512}}) {
          const size_t stride = end - begin + 2;
          Buffer<float> y(tokens * stride);
          for (float& value : y) value = 1;
          product.multiply(w.matrix, begin, end, memory.get(), tokens, true, y.data(), stride, scratch);
          for (size_t t = 0; t < tokens; t++)
            for (size_t n = begin; n < end; n++) {
              double expected = 1, size = 1;
              for (size_t k = 0; k < kRows; k++) {
                const double term = static_cast<double>(x[t * kRows + k]) * static_cast<double>(w.values[k * kWidth + n]);
                expected += term;
                size += std::fabs(term);
              }
              CHECK_IN(check::near(y[t * stride + n - begin], expected, size * 0x1p-18), of(*table, from, {tokens, begin, t, n}));
            }
        }
      }
}

}  // namespace
}  // namespace mixtape
