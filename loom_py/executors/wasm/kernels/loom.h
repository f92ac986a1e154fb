// Shared by all kernels: types, vectors of four, and reading of an instruction's words.
//
// The sources compile to WebAssembly (simd128, relaxed or not) and, for tests, to native code.
#pragma once
#include <stdint.h>

// A word of the packed Program: an address, an extent, a stride, or the bits of a float.
typedef intptr_t W;

typedef float f4 __attribute__((vector_size(16), aligned(4)));
typedef int32_t i4 __attribute__((vector_size(16), aligned(4)));
typedef uint32_t u4 __attribute__((vector_size(16), aligned(4)));
typedef double d2 __attribute__((vector_size(16), aligned(8)));
typedef float f2 __attribute__((vector_size(8), aligned(4)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")
#define IN(k) ((const float *)a[k])
#define OUT(k) ((float *)a[k])

INLINE f4 load(const float *p) { return *(const f4 *)p; }
INLINE void store(float *p, f4 v) { *(f4 *)p = v; }
INLINE f4 splat(float v) { return (f4){v, v, v, v}; }
INLINE i4 splat_i(int32_t v) { return (i4){v, v, v, v}; }
INLINE u4 splat_u(uint32_t v) { return (u4){v, v, v, v}; }

// The first n (1 to 3) of four values; the others are `rest`.
INLINE f4 load_some(const float *p, W n, float rest) {
  return (f4){p[0], n > 1 ? p[1] : rest, n > 2 ? p[2] : rest, rest};
}

INLINE void store_some(float *p, W n, f4 v) {
  p[0] = v[0];
  if (n > 1) p[1] = v[1];
  if (n > 2) p[2] = v[2];
}

// Four neighbouring values, of which only the first `left` exist at the end of a row.
INLINE f4 take(const float *p, W left) { return left >= 4 ? load(p) : load_some(p, left, 0); }
INLINE void put(float *p, W left, f4 v) {
  if (left >= 4) store(p, v);
  else store_some(p, left, v);
}

// A loop over n values, four at a time: EACH(n) … TAKE(p) … PUT(p, v) … }
#define EACH(N)                                                                                                        \
  for (W i = 0; i < (N); i += 4) {                                                                                     \
    W left = (N)-i;
#define TAKE(p) take((p) + i, left)
#define PUT(p, v) put((p) + i, left, v);

// m is all ones or all zeros in each lane.
INLINE f4 choose(i4 m, f4 yes, f4 no) { return (f4)(((i4)yes & m) | ((i4)no & ~m)); }

// a · b + c, rounded once where the machine can.
INLINE f4 fma4(f4 x, f4 y, f4 z) {
#if defined(__wasm_relaxed_simd__)
  return __builtin_wasm_relaxed_madd_f32x4(x, y, z);
#elif defined(__FMA__) || defined(__aarch64__)
  return __builtin_elementwise_fma(x, y, z);
#else
  return x * y + z;
#endif
}

// The larger and the smaller value. If x is NaN the result is NaN, if y is, the result is x.
INLINE f4 max4(f4 x, f4 y) {
#if defined(__wasm_simd128__)
  return __builtin_wasm_pmax_f32x4(x, y);
#else
  return choose(x < y, y, x);
#endif
}

INLINE f4 min4(f4 x, f4 y) {
#if defined(__wasm_simd128__)
  return __builtin_wasm_pmin_f32x4(x, y);
#else
  return choose(y < x, y, x);
#endif
}

INLINE float largest4(f4 v) {
  v = max4(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
  return max4(v, __builtin_shufflevector(v, v, 1, 0, 3, 2))[0];
}

INLINE f4 abs4(f4 x) { return __builtin_elementwise_abs(x); }
INLINE f4 sqrt4(f4 x) { return __builtin_elementwise_sqrt(x); }
// 1 / √x; NaN for infinity: a variance beyond float32, by which nothing can be normalised.
INLINE f4 rstd4(f4 x) {
  f4 root = splat(1) / sqrt4(x);
  return choose(root == splat(0), splat(__builtin_nanf("")), root);
}
INLINE float total(f4 v) { return (v[0] + v[2]) + (v[1] + v[3]); }
INLINE double total_d(f4 v) { return ((double)v[0] + v[2]) + ((double)v[1] + v[3]); }

INLINE float as_float(int32_t bits) {
  union {
    int32_t i;
    float f;
  } u = {bits};
  return u.f;
}
INLINE float word_float(W word) { return as_float((int32_t)word); }

// A double is passed as two words, low half first.
INLINE double word_double(const W *a) {
  union {
    uint32_t i[2];
    double d;
  } u = {{(uint32_t)a[0], (uint32_t)a[1]}};
  return u.d;
}

// Transposes four rows of four values.
INLINE void transpose4(f4 r[4]) {
  f4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5), b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  f4 c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7), d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  r[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  r[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  r[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  r[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}
