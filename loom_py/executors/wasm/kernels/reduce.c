// Sums over some axes.
#include "strides.h"

// Eight vectors of columns at a time: two cache lines of each row.
static void sum_wide(float *out, const float *x, const Axes *g, float scale) {
  f4 sum[8];
  UNROLL for (int k = 0; k < 8; k++) sum[k] = splat(0);
  for (W i = 0; i < g->r0; i++) {
    const float *row = x + i * g->sr0;
    for (W j = 0; j < g->r1; j++, row += g->sr1) {
      UNROLL for (int k = 0; k < 8; k++) sum[k] = sum[k] + load(row + 4 * k);
    }
  }
  UNROLL for (int k = 0; k < 8; k++) store(out + 4 * k, sum[k] * splat(scale));
}

// out x scale · axes: the sum over R0 and R1 times scale
void op_sum(const W *a) {
  Axes g = axes_of(IN(1), a + 3);
  float scale = word_float(a[2]);
  for (W i = 0; i < g.k0; i++) {
    float *out = OUT(0) + i * g.k1;
    const float *x = g.x + i * g.sk0;
    if (g.sr1 == 1) {
      for (W j = 0; j < g.k1; j++) {
        double sum = 0;
        for (W r = 0; r < g.r0; r++) sum += run_sum(x + j * g.sk1 + r * g.sr0, g.r1);
        out[j] = (float)(sum * scale);
      }
      continue;
    }
    W j = 0;
    for (; j + 32 <= g.k1; j += 32) sum_wide(out + j, x + j, &g, scale);
    for (; j < g.k1; j += 4) {
      W left = g.k1 - j;
      f4 sum = splat(0);
      for (W r = 0; r < g.r0; r++) {
        f4 part = splat(0);
        for (W q = 0; q < g.r1; q++) part = part + take(x + j + r * g.sr0 + q * g.sr1, left);
        sum = sum + part;
      }
      put(out + j, left, sum * splat(scale));
    }
  }
}
