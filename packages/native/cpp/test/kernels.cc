// Every kernel of every instruction set that runs here, against the plain formula in float64, and against the portable kernel
// where the two must be the same to the bit. Sizes are odd, memory ends where the numbers end.

#include "core/kernels.h"
#include "test/formats.h"
#include "test/gatings.h"

namespace mixtape {
namespace {

using check::Buffer;
using check::random_floats;

// Those of attention and of matrices are tested by the operation, in ops.cc; those of numbers one by one in elementwise.cc;
// those of the backward pass in backward.cc; those of recurrences in recurrence.cc.
static_assert(sizeof(Kernels) - sizeof(AttentionKernels) - sizeof(MatrixProduct) - sizeof(PeakKernels) == 23 * sizeof(void*),
              "a kernel was added: test it below or beside, and count it here");

constexpr size_t kWidths[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 96, 100, 127, 129, 257};

const Kernels& portable() { return *all_kernels().back(); }

std::string of(const Kernels& table, std::initializer_list<size_t> sizes) {
  return std::string(table.name) + " " + check::text_of(sizes);
}

/** A number between two of bfloat16, half way: it rounds to the even one. */
float from_half_way(size_t i) { return check::from_bits(static_cast<uint32_t>(0x3f80 + i) << 16 | 0x8000); }

/** `half` as all 65,536 bit patterns. */
Buffer<uint16_t> all_halves(size_t shift) {
  Buffer<uint16_t> halves(65536, shift);
  for (size_t i = 0; i < halves.size(); i++) halves[i] = static_cast<uint16_t>(i);
  return halves;
}

TEST(decode_is_exact) {
  const Buffer<uint16_t> halves = all_halves(1);
  for (const Kernels* table : check::tested_kernels()) {
    Buffer<float> got(halves.size(), 3);
    table->decode(Dtype::bfloat16, halves.as(), halves.size(), got.data());
    for (size_t i = 0; i < halves.size(); i++)
      CHECK_IN(std::memcmp(&got[i], std::begin({check::from_bfloat16(halves[i])}), sizeof(float)) == 0, of(*table, {i}));
    table->decode(Dtype::float16, halves.as(), halves.size(), got.data());
    for (size_t i = 0; i < halves.size(); i++)
      CHECK_IN(check::near(got[i], check::from_float16(halves[i]), 0), of(*table, {i}));
  }
}

TEST(decode_of_any_length) {
  for (const Kernels* table : check::tested_kernels())
    for (const Dtype dtype : check::kAllDtypes)
      for (const size_t width : kWidths) {
        const check::RandomMatrix x(dtype, 1, width, 1);
        Buffer<float> got(width, 1);
        table->decode(dtype, x.matrix.data, width, got.data());
        for (size_t i = 0; i < width; i++) CHECK_IN(got[i] == x.values[i], of(*table, {width, i}));
      }
}

TEST(encode_of_any_length) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t width : kWidths) {
      Buffer<float> x = random_floats(width, 1), same(width, 1);
      x[width / 2] = NAN;
      x[0] = from_half_way(width);
      table->encode(Dtype::float32, x.data(), width, reinterpret_cast<uint8_t*>(same.data()));
      CHECK_IN(std::memcmp(same.data(), x.data(), width * sizeof(float)) == 0, of(*table, {width}));
      Buffer<uint16_t> halves(width, 1);
      table->encode(Dtype::bfloat16, x.data(), width, reinterpret_cast<uint8_t*>(halves.data()));
      for (size_t i = 0; i < width; i++) {
        const bool is_right = std::isnan(x[i]) ? std::isnan(check::from_bfloat16(halves[i])) : halves[i] == check::to_bfloat16(x[i]);
        CHECK_IN(is_right, of(*table, {width, i}));
      }
    }
}

/** Multiplies as operations do: packs in shares, then multiplies all rows or some of them. */
void check_product(const Kernels& table, Dtype dtype, Precision precision, size_t tokens, size_t rows, size_t width,
                   bool is_rounded, bool is_gathered, size_t shift = 1) {
  const Product& product = table.product(dtype, precision, tokens);
  const check::RandomMatrix w(dtype, rows, width, shift);
  Buffer<float> x = random_floats(tokens * width, 1);
  if (is_rounded)
    for (float& value : x) value = check::from_bfloat16(check::to_bfloat16(value));
  Buffer<int32_t> order(tokens);
  for (size_t t = 0; t < tokens; t++) order[t] = static_cast<int32_t>((t * 7 + 3) % tokens);

  const size_t bytes = product.packed_bytes(tokens, width);
  std::unique_ptr<uint8_t, void (*)(void*)> packed(static_cast<uint8_t*>(::operator new(bytes + 1, std::align_val_t{64})),
                                                   [](void* p) { ::operator delete(p, std::align_val_t{64}); });
  // In parts of both axes, as operations do.
  const size_t columns = width > 64 ? 64 : width;
  for (size_t from = 0; from < tokens; from += product.group)
    for (size_t first = 0; first < width || first == 0; first += columns) {
      const size_t count = std::min(columns, width - first);
      const Activations part = {x.data() + first, width, is_gathered ? order.data() : nullptr, first, count};
      product.pack(part, from, std::min(tokens, from + product.group), tokens, width, packed.get());
      if (width == 0) break;
    }
  const size_t stride = rows + 3;
  Buffer<float> y((tokens - 1) * stride + rows);
  for (float& value : y) value = -7;
  const size_t cut = std::min<size_t>(rows, 32);
  product.multiply(w.matrix.slice(0, cut), packed.get(), tokens, y.data(), stride);
  if (cut < rows) product.multiply(w.matrix.slice(cut, rows), packed.get(), tokens, y.data() + cut, stride);

  // Sums of float32 in any order; and, for activations that were rounded on the way, half a unit of bfloat16 each.
  const bool is_exact = is_rounded || precision == Precision::float32;
  for (size_t t = 0; t < tokens; t++) {
    const float* const row = x.data() + (is_gathered ? static_cast<size_t>(order[t]) : t) * width;
    for (size_t n = 0; n < rows; n++) {
      double expected = 0, size = 0;
      for (size_t k = 0; k < width; k++) {
        const double term = static_cast<double>(row[k]) * static_cast<double>(w.values[n * width + k]);
        expected += term;
        size += std::fabs(term);
      }
      const double unit = is_exact ? static_cast<double>(width + 4) * 0x1p-24 : 0x1p-8;
      CHECK_IN(check::near(y[t * stride + n], expected, size * unit + 1e-30),
               of(table, {static_cast<size_t>(dtype), static_cast<size_t>(precision), tokens, rows, width, t, n}) + " " +
                   std::to_string(y[t * stride + n]) + " for " + std::to_string(expected));
    }
    for (size_t n = rows; t + 1 < tokens && n < stride; n++) CHECK_IN(y[t * stride + n] == -7, of(table, {tokens, rows, width}));
  }
}

TEST(products) {
  constexpr size_t kShapes[][2] = {{1, 1}, {3, 5}, {4, 8}, {5, 31}, {16, 32}, {17, 33}, {33, 64}, {15, 129}, {70, 100}};
  for (const Kernels* table : check::tested_kernels())
    for (const Dtype dtype : check::kAllDtypes)
      for (const Precision precision : {Precision::bfloat16, Precision::float32})
        for (const size_t tokens : {1, 2, 3, 5, 6, 7, 8, 13, 16, 17, 32, 33, 50})
          for (const auto& [rows, width] : kShapes) {
            check_product(*table, dtype, precision, tokens, rows, width, true, tokens % 2 == 0);
            if (precision == Precision::bfloat16)
              check_product(*table, dtype, precision, tokens, rows, width, false, tokens % 2 == 1);
          }
}

/** Files put weights at any multiple of their elements, and rows need not be whole lines of a cache. */
TEST(products_wherever_weights_lie) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t shift : {0, 1, 4, 12, 31})
      for (const size_t width : {256, 288, 300, 2112})
        check_product(*table, Dtype::bfloat16, Precision::bfloat16, 40, 64, width, true, false, shift);
}

TEST(products_of_any_width) {
  for (const Kernels* table : check::tested_kernels())
    for (const Dtype dtype : check::kAllDtypes)
      for (const size_t tokens : {1, 4, 19})
        for (const size_t width : kWidths) check_product(*table, dtype, Precision::bfloat16, tokens, 9, width, true, false);
}

TEST(rms_norm) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t width : kWidths)
      for (const bool has_residual : {false, true}) {
        constexpr size_t kRows = 3;
        const Buffer<float> x = random_floats(kRows * width, 1), scale = random_floats(width, 1),
                            residual = random_floats(kRows * width, 1);
        Buffer<float> y(kRows * width, 1);
        table->rms_norm(x.data(), scale.data(), has_residual ? residual.data() : nullptr, kRows, width, 1e-5f, y.data());
        for (size_t i = 0; i < y.size(); i++) {
          double squares = 0;
          for (size_t k = 0; k < width; k++) squares += std::pow(x[i / width * width + k], 2);
          const double normed = x[i] * scale[i % width] / std::sqrt(squares / static_cast<double>(width) + 1e-5);
          const double expected = normed + (has_residual ? residual[i] : 0);
          CHECK_IN(check::near(y[i], expected, 2e-6 * (1 + std::fabs(normed))), of(*table, {width, i}));
        }
      }
}

TEST(rotary) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t half : kWidths)
      for (const size_t rest : {0, 1, 5})
        for (const auto& [step, pairs] : {std::pair(size_t{0}, Pairs::halves), std::pair(2 * half, Pairs::halves), std::pair(2 * half, Pairs::interleaved)}) {
          constexpr size_t kRows = 3;
          const size_t width = 2 * half + rest;
          const Buffer<float> x = random_floats(kRows * width, 1), cos = random_floats((step ? kRows : 1) * 2 * half, 1),
                              sin = random_floats(cos.size(), 1);
          Buffer<float> y(x.size(), 1);
          table->rotary(pairs, x.data(), cos.data(), sin.data(), kRows, width, half, step, y.data());
          for (size_t row = 0; row < kRows; row++)
            for (size_t i = 0; i < width; i++) {
              const float* const from = x.data() + row * width;
              double expected = from[i];
              if (i < 2 * half) {
                const bool interleaved = pairs == Pairs::interleaved;
                const bool is_first = interleaved ? i % 2 == 0 : i < half;
                const size_t apart = interleaved ? 1 : half, angle = interleaved ? i / 2 + i % 2 * half : i;
                const double other = is_first ? -from[i + apart] : from[i - apart];
                expected = from[i] * static_cast<double>(cos[row * step + angle]) + other * sin[row * step + angle];
              }
              CHECK_IN(check::near(y[row * width + i], expected, 2e-6 * (1 + std::fabs(expected))), of(*table, {half, rest, i}));
            }
        }
}

TEST(gate) {
  for (const Kernels* table : check::tested_kernels())
    for (const Gating& gating : check::kAllGatings)
      for (const size_t width : kWidths) {
        Buffer<float> x = random_floats(width, 1), up = random_floats(width, 1), y(width, 1);
        for (float& value : x) value *= 4;
        table->gate(gating, x.data(), up.data(), width, y.data());
        for (size_t i = 0; i < width; i++) {
          const double expected = check::gated(gating, x[i], up[i]);
          CHECK_IN(check::near(y[i], expected, 3e-6 * (std::fabs(x[i]) + 1) * (std::fabs(up[i]) + 1) + 1e-6 * std::fabs(expected)),
                   of(*table, {static_cast<size_t>(gating.kind), width, i}) + " " + std::to_string(x[i]));
        }
      }
}

TEST(adam_w) {
  const AdamWParams n{0.9f, 0.1f, 0.95f, 0.05f, 1e-3f, 0.98f, 0.1f, 1.5f, 0.5f};
  for (const Kernels* table : check::tested_kernels())
    for (const bool has_gradient : {true, false})
      for (const size_t width : kWidths) {
        Buffer<float> w = random_floats(width, 1), m = random_floats(width, 1), v = random_floats(width, 1);
        Buffer<float> g = random_floats(width, 1), new_w(width, 1), new_m(width, 1), new_v(width, 1);
        for (float& value : v) value = std::fabs(value);
        float* const to[] = {new_w.data(), new_m.data(), new_v.data()};
        table->adam_w(n, {w.data(), m.data(), v.data(), has_gradient ? g.data() : nullptr}, 0, width, to);
        for (size_t i = 0; i < width; i++) {
          const double gradient = has_gradient ? double{g[i]} * n.gradient_scale : 0;
          const double mean = double{m[i]} * n.beta1 + gradient * n.one_minus_beta1;
          const double variance = double{v[i]} * n.beta2 + gradient * gradient * n.one_minus_beta2;
          const double weight = double{w[i]} * n.decay_factor - n.step_size * mean / (std::sqrt(variance) * n.inverse_sqrt_bias_correction2 + n.eps);
          const double expected[] = {weight, mean, variance};
          for (size_t k = 0; k < 3; k++)
            CHECK_IN(check::near(to[k][i], expected[k], 1e-5 * (1 + std::fabs(expected[k]))), of(*table, {width, i, k}));
        }
      }
}

TEST(sum_squares) {
  for (const Kernels* table : check::tested_kernels())
    for (const size_t width : kWidths) {
      const Buffer<float> x = random_floats(width, 1);
      double expected = 0;
      for (size_t i = 0; i < width; i++) expected += double{x[i]} * x[i];
      CHECK_IN(check::near(table->sum_squares(x.data(), width), expected, 1e-5 * (1 + expected)), of(*table, {width}));
    }
}

/** Numbers at which a formula may break: what every instruction set makes of them is what the portable one makes. */
TEST(gate_of_numbers_at_the_edge) {
  const float edges[] = {0.0f, -0.0f, 1e-45f, -1e-45f, 1e-38f, 88.0f, 89.0f, -87.0f, -88.0f, -104.0f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN};
  for (const Kernels* table : check::tested_kernels())
    for (const Gating& gating : check::kAllGatings)
      for (const float edge : edges) {
        Buffer<float> x(17), up(17), got(17), expected(17);
        for (size_t i = 0; i < x.size(); i++) x[i] = edge, up[i] = 1;
        table->gate(gating, x.data(), up.data(), x.size(), got.data());
        portable().gate(gating, x.data(), up.data(), x.size(), expected.data());
        for (size_t i = 0; i < x.size(); i++)
          CHECK_IN(check::near(got[i], expected[i], 1e-6 * std::fabs(expected[i]) + 1e-37),
                   of(*table, {static_cast<size_t>(gating.kind)}) + " of " + std::to_string(edge) + ": " +
                       std::to_string(got[i]) + " for " + std::to_string(expected[i]));
      }
}

TEST(peaks_stay_within_their_memory) {
  for (const Kernels* table : check::tested_kernels()) {
    for (const size_t width : kWidths) {
      const Buffer<float> x = random_floats(width * 16);
      CHECK_IN(table->peaks.read(x.as(), x.size() * sizeof(float)) == table->peaks.read(x.as(), x.size() * sizeof(float)),
               of(*table, {width}));
    }
    Buffer<float> sink(16);
    CHECK(table->peaks.float32(3, sink.data()) > 0);
    CHECK(table->peaks.bfloat16(3, sink.data()) > 0);
  }
}

}  // namespace
}  // namespace mixtape
