// Functions of four floats at a time. Errors are measured over the whole range by tests/ops/test_wasm_math.py:
// exp, expm1, log, log1p, tanh and sigmoid are within 4 units in the last place.
//
// exp and log by the polynomials of Cephes (Moshier, expf and logf).
#pragma once
#include "loom.h"

typedef struct {
  f4 p;  // expm1(r)
  i4 n;  // x = ln 2 · n + r
} Reduced;

// |x| below 2^22; NaN stays in p.
INLINE Reduced reduce_exp(f4 x) {
  const f4 magic = splat(12582912.0f);  // 1.5 · 2^23: adding it leaves the nearest whole number in the lowest bits
  f4 shifted = fma4(x, splat(1.44269504088896341f), magic), n = shifted - magic;
  f4 r = fma4(n, splat(-0.693359375f), x);
  r = fma4(n, splat(2.12194440e-4f), r);
  f4 q = splat(1.9875691500e-4f);
  q = fma4(q, r, splat(1.3981999507e-3f));
  q = fma4(q, r, splat(8.3334519073e-3f));
  q = fma4(q, r, splat(4.1665795894e-2f));
  q = fma4(q, r, splat(1.6666665459e-1f));
  q = fma4(q, r, splat(5.0000001201e-1f));
  return (Reduced){fma4(q, r * r, r), (i4)shifted - (i4)magic};
}

// 2 to the power of n, n from -126 to 127.
INLINE f4 power2(i4 n) { return (f4)((n + 127) << 23); }

// For any x; in two steps, so that the largest and smallest results are correct too.
INLINE f4 exp4(f4 x) {
  Reduced e = reduce_exp(max4(min4(x, splat(89.0f)), splat(-104.0f)));
  i4 half = e.n >> 1;
  return (e.p + splat(1)) * power2(half) * power2(e.n - half);
}

// For x ≤ 0; results below the smallest normal number are 0, to avoid slow subnormal arithmetic.
INLINE f4 exp_down4(f4 x) {
  const f4 least = splat(-87.3f);
  Reduced e = reduce_exp(max4(x, least));
  return (f4)((i4)((e.p + splat(1)) * power2(e.n)) & ~(i4)(x < least));
}

// Precise near 0 too; x at most 88.
INLINE f4 expm14(f4 x) {
  Reduced e = reduce_exp(max4(x, splat(-87.3f)));
  f4 scale = power2(e.n);
  return fma4(scale, e.p, scale - splat(1));
}

INLINE f4 log4(f4 x) {
  i4 tiny = x < splat(1.17549435e-38f);  // subnormal: scaled up by 2^23
  f4 v = choose(tiny, x * splat(8388608.0f), x);
  i4 bits = (i4)v;
  i4 exponent = ((bits >> 23) & 255) - 126 - (tiny & 23);
  f4 m = (f4)((bits & 0x007fffff) | 0x3f000000);  // 0.5 … 1
  i4 low = m < splat(0.707106781186547524f);
  exponent += low;  // one less where the mask is -1
  m = m - splat(1) + (f4)((i4)m & low);
  f4 e = __builtin_convertvector(exponent, f4), z = m * m;
  f4 q = splat(7.0376836292e-2f);
  q = fma4(q, m, splat(-1.1514610310e-1f));
  q = fma4(q, m, splat(1.1676998740e-1f));
  q = fma4(q, m, splat(-1.2420140846e-1f));
  q = fma4(q, m, splat(1.4249322787e-1f));
  q = fma4(q, m, splat(-1.6668057665e-1f));
  q = fma4(q, m, splat(2.0000714765e-1f));
  q = fma4(q, m, splat(-2.4999993993e-1f));
  q = fma4(q, m, splat(3.3333331174e-1f));
  f4 y = q * m * z;
  y = fma4(e, splat(-2.12194440e-4f), y);
  y = fma4(z, splat(-0.5f), y);
  f4 result = fma4(e, splat(0.693359375f), m + y);
  const float inf = __builtin_inff();
  result = choose(x == splat(0), splat(-inf), result);
  result = choose(x < splat(0), splat(__builtin_nanf("")), result);
  return choose((i4)(x == splat(inf)) | (i4)(x != x), x, result);
}

// log(1 + x), precise near 0 too: log of the rounded sum, corrected by the rounding error.
INLINE f4 log1p4(f4 x) {
  f4 one = x + splat(1);
  f4 lost = x - (one - splat(1));
  f4 result = log4(one) + lost / one;
  return choose((i4)(one == splat(0)) | (i4)(one == splat(__builtin_inff())), log4(one), result);
}

INLINE f4 with_sign(f4 magnitude, f4 sign) { return (f4)((i4)magnitude | ((i4)sign & (int32_t)0x80000000)); }

// t / (t + 2) with t = exp(2|x|) - 1.
INLINE f4 tanh4(f4 x) {
  f4 t = expm14(min4(abs4(x) * splat(2), splat(20)));
  return with_sign(t / (t + splat(2)), x);
}

// 0 below -87, where it is less than the smallest normal number.
INLINE f4 sigmoid4(f4 x) {
  Reduced e = reduce_exp(max4(min4(-x, splat(87)), splat(-87)));
  f4 result = splat(1) / (splat(1) + (e.p + splat(1)) * power2(e.n));
  return (f4)((i4)result & ~(i4)(x < splat(-87)));
}

// Φ(x), the share of a normal distribution below x, with its tail (Press et al., erfcc).
INLINE f4 phi4(f4 x) {
  f4 z = abs4(x) * splat(0.70710678118654752f), t = splat(1) / fma4(z, splat(0.5f), splat(1));
  f4 p = splat(0.17087277f);
  p = fma4(p, t, splat(-0.82215223f));
  p = fma4(p, t, splat(1.48851587f));
  p = fma4(p, t, splat(-1.13520398f));
  p = fma4(p, t, splat(0.27886807f));
  p = fma4(p, t, splat(-0.18628806f));
  p = fma4(p, t, splat(0.09678418f));
  p = fma4(p, t, splat(0.37409196f));
  p = fma4(p, t, splat(1.00002368f));
  p = fma4(p, t, splat(-1.26551223f));
  f4 tail = splat(0.5f) * t * exp_down4(p - z * z);
  return choose(x < splat(0), tail, splat(1) - tail);
}

// One value by the vector function, so that remainders get the same results.
INLINE float exp1(float x) { return exp4(splat(x))[0]; }
INLINE float log1(float x) { return log4(splat(x))[0]; }
