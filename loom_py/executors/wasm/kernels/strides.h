// Sums over some axes.
//
// Neighbouring axes are merged if both are summed or both kept; at most two kept axes (K0, K1) and two summed ones (R0, R1)
// remain, each with its stride. If the last axis is summed, a result is the sum of contiguous runs; if it is kept, four
// neighbouring results are computed at a time.
#pragma once
#include "loom.h"

typedef struct {
  const float *x;
  W k0, sk0, k1, sk1, r0, sr0, r1, sr1;
} Axes;

INLINE Axes axes_of(const float *x, const W *a) { return (Axes){x, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]}; }
INLINE W count(const Axes *g) { return g->r0 * g->r1; }

enum { BLOCK = 1024 };

// Σ f(x) of a run, where f is x, (x - m)² or x·y: blocks in float, their sums in double.
#define RUN_SUM(NAME, PARAMETERS, FIRST, REST)                                                                         \
  static inline double NAME PARAMETERS {                                                                               \
    double sum = 0;                                                                                                    \
    while (n >= 16) {                                                                                                  \
      W end = n < BLOCK ? n & ~(W)15 : BLOCK;                                                                          \
      f4 s0 = splat(0), s1 = splat(0), s2 = splat(0), s3 = splat(0);                                                   \
      for (W i = 0; i < end; i += 16) {                                                                                \
        FIRST(s0, i) FIRST(s1, i + 4) FIRST(s2, i + 8) FIRST(s3, i + 12)                                               \
      }                                                                                                                \
      sum += total_d((s0 + s1) + (s2 + s3));                                                                           \
      REST(end)                                                                                                        \
      n -= end;                                                                                                        \
    }                                                                                                                  \
    f4 s = splat(0);                                                                                                   \
    W i = 0;                                                                                                           \
    for (; i + 4 <= n; i += 4) { FIRST(s, i) }                                                                         \
    sum += total_d(s);

#define ADD(s, i) s = s + load(x + (i));
#define ADD_SQUARE(s, i)                                                                                               \
  {                                                                                                                    \
    f4 d = load(x + (i)) - splat(m);                                                                                   \
    s = fma4(d, d, s);                                                                                                 \
  }
#define ADD_PRODUCT(s, i) s = fma4(load(x + (i)), load(y + (i)), s);
#define STEP(k) x += k;
#define STEP2(k) x += k, y += k;

RUN_SUM(run_sum, (const float *x, W n), ADD, STEP)
  for (; i < n; i++) sum += x[i];
  return sum;
}
RUN_SUM(run_squares, (const float *x, W n, float m), ADD_SQUARE, STEP)
  for (; i < n; i++) sum += (double)(x[i] - m) * (x[i] - m);
  return sum;
}
RUN_SUM(run_products, (const float *x, const float *y, W n), ADD_PRODUCT, STEP2)
  for (; i < n; i++) sum += (double)x[i] * y[i];
  return sum;
}
