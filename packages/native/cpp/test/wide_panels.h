#pragma once
// Panels of codes as AVX-512 VNNI has them, in plain C++: 16 rows in a vector, eight tokens together, and codes made positive. Tests multiply with
// them where no processor with VNNI is.

#include "kernels/int8_panels.h"
#include "simd/portable_bytes.h"

namespace mixtape {
namespace {

/** Four codes without a sign in each of 16 lanes, by four with one. */
struct WideQuads {
  static constexpr bool kHasSign = false;
  static constexpr int kWords = 8;
  static constexpr size_t kMinTokens = 1;
  struct Ints {
    int32_t v[16];
  };
  template <class F> static F floats(Ints x) {
    F out;
    for (int i = 0; i < 16; i++) out.v[i] = static_cast<float>(x.v[i]);
    return out;
  }
  static void spread(PortableBytes::Bytes codes, uint32_t* to) { memcpy(to, codes.v, sizeof codes.v); }
  template <int V, int T, int Words> static void sum(const uint32_t* w, const uint32_t* x, Ints (&sums)[V][T]) {
    memset(sums, 0, sizeof sums);
    for (int i = 0; i < Words; i++, w += V * 16, x += T)
      for (int v = 0; v < V; v++)
        for (int t = 0; t < T; t++)
          for (int lane = 0; lane < 16; lane++)
            for (int byte = 0; byte < 32; byte += 8)
              sums[v][t].v[lane] += static_cast<int32_t>(w[v * 16 + lane] >> byte & 255) * static_cast<int8_t>(x[t] >> byte & 255);
  }
};

struct Wide : PortableBytes {
  static constexpr int N = 16;
  static constexpr int kPanelTokens = 8;
  struct F {
    float v[N];
  };
  struct Dots16 : WideQuads {
    static F to_floats(Ints x) { return floats<F>(x); }
  };
  template <int Range> using Dots = Dots16;

  static F set(float x) { return each([&](int) { return x; }); }
  static F zero() { return set(0); }
  static F load(const float* p) { return each([&](int i) { return p[i]; }); }
  static F load_first(const float* p, size_t count) {
    return each([&](int i) { return static_cast<size_t>(i) < count ? p[i] : 0; });
  }
  static void store(float* p, F x) { memcpy(p, x.v, sizeof x.v); }
  static void store_first(float* p, F x, size_t count) { memcpy(p, x.v, count * sizeof *p); }
  static F add(F a, F b) { return each([&](int i) { return a.v[i] + b.v[i]; }); }
  static F mul(F a, F b) { return each([&](int i) { return a.v[i] * b.v[i]; }); }
  static F fma(F a, F b, F c) { return each([&](int i) { return c.v[i] + a.v[i] * b.v[i]; }); }
  static F fnma(F a, F b, F c) { return each([&](int i) { return c.v[i] - a.v[i] * b.v[i]; }); }
  static void transpose(F* rows) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < i; j++) {
        // Codes pass through: their bits may stand for no number.
        char a[sizeof(float)];
        memcpy(a, &rows[i].v[j], sizeof a);
        memcpy(&rows[i].v[j], &rows[j].v[i], sizeof a);
        memcpy(&rows[j].v[i], a, sizeof a);
      }
  }

 private:
  template <class Lane> static F each(Lane lane) {
    F out;
    for (int i = 0; i < N; i++) out.v[i] = lane(i);
    return out;
  }
};

/** The product with panels, for any number of tokens. */
inline const Product& wide_product(Dtype weights, Precision, size_t) {
  return with_format(weights, [](auto format) -> const Product& { return Int8Panels<Wide, decltype(format)>::product; });
}

}  // namespace
}  // namespace mixtape
