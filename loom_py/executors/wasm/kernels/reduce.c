// Sums over some axes, and normalisation by their moments.
//
// Axes are merged where neighbours are both summed or both kept; what remains is at most two kept axes (K0, K1) and two
// summed ones (R0, R1), each with its stride. Where the last axis of all is summed, a result is the sum of contiguous
// runs; where it is kept, four neighbouring results are reckoned at a time.
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
  static double NAME PARAMETERS {                                                                                      \
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

// Four neighbouring values, fewer at the end of a row.
INLINE f4 take(const float *p, W left) { return left >= 4 ? load(p) : load_some(p, left, 0); }
INLINE void put(float *p, W left, f4 v) {
  if (left >= 4) store(p, v);
  else store_some(p, left, v);
}

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

// Mean and sum of squared deviations (from 0 when not centred) of one result …
static void run_moments(const Axes *g, const float *x, int centre, float *mean, double *squares) {
  double sum = 0;
  *mean = 0;
  if (centre) {
    for (W r = 0; r < g->r0; r++) sum += run_sum(x + r * g->sr0, g->r1);
    *mean = (float)(sum / count(g));
  }
  *squares = 0;
  for (W r = 0; r < g->r0; r++) *squares += run_squares(x + r * g->sr0, g->r1, *mean);
}

// … and of four neighbours.
static f4 column_mean(const Axes *g, const float *x, W left) {
  f4 sum = splat(0);
  for (W r = 0; r < g->r0; r++)
    for (W q = 0; q < g->r1; q++) sum = sum + take(x + r * g->sr0 + q * g->sr1, left);
  return sum / splat(count(g));
}

static f4 column_variance(const Axes *g, const float *x, W left, f4 mean) {
  f4 sum = splat(0);
  for (W r = 0; r < g->r0; r++)
    for (W q = 0; q < g->r1; q++) {
      f4 d = take(x + r * g->sr0 + q * g->sr1, left) - mean;
      sum = fma4(d, d, sum);
    }
  return sum / splat(count(g));
}

// mean variance x · axes
void op_moments(const W *a) {
  Axes g = axes_of(IN(2), a + 3);
  for (W i = 0; i < g.k0; i++) {
    float *mean = OUT(0) + i * g.k1, *variance = OUT(1) + i * g.k1;
    const float *x = g.x + i * g.sk0;
    if (g.sr1 == 1) {
      for (W j = 0; j < g.k1; j++) {
        double squares;
        run_moments(&g, x + j * g.sk1, 1, mean + j, &squares);
        variance[j] = (float)(squares / count(&g));
      }
      continue;
    }
    for (W j = 0; j < g.k1; j += 4) {
      W left = g.k1 - j;
      f4 m = column_mean(&g, x + j, left);
      put(mean + j, left, m);
      put(variance + j, left, column_variance(&g, x + j, left, m));
    }
  }
}

// out = (x - m) · s over a run
static void scale_run(float *out, const float *x, W n, float m, float s) {
  W i = 0;
  for (; i + 4 <= n; i += 4) store(out + i, (load(x + i) - splat(m)) * splat(s));
  for (; i < n; i++) out[i] = (x[i] - m) * s;
}

// normal rstd x eps centre · axes
void op_normalise(const W *a) {
  Axes g = axes_of(IN(2), a + 5);
  float eps = word_float(a[3]);
  for (W i = 0; i < g.k0; i++) {
    float *rstd = OUT(1) + i * g.k1, *out = OUT(0) + i * g.sk0;
    const float *x = g.x + i * g.sk0;
    if (g.sr1 == 1) {
      for (W j = 0; j < g.k1; j++) {
        float mean;
        double squares;
        run_moments(&g, x + j * g.sk1, a[4], &mean, &squares);
        rstd[j] = 1 / __builtin_sqrtf((float)(squares / count(&g)) + eps);
        for (W r = 0; r < g.r0; r++) {
          W at = j * g.sk1 + r * g.sr0;
          scale_run(out + at, x + at, g.r1, mean, rstd[j]);
        }
      }
      continue;
    }
    for (W j = 0; j < g.k1; j += 4) {
      W left = g.k1 - j;
      f4 mean = a[4] ? column_mean(&g, x + j, left) : splat(0);
      f4 s = splat(1) / sqrt4(column_variance(&g, x + j, left, mean) + splat(eps));
      put(rstd + j, left, s);
      for (W r = 0; r < g.r0; r++)
        for (W q = 0; q < g.r1; q++) {
          W at = j + r * g.sr0 + q * g.sr1;
          put(out + at, left, (take(x + at, left) - mean) * s);
        }
    }
  }
}

// dx = s · (dn - m - normal · p) over a run
static void back_run(float *out, const float *dn, const float *normal, W n, float m, float p, float s) {
  W i = 0;
  for (; i + 4 <= n; i += 4) {
    store(out + i, splat(s) * (load(dn + i) - splat(m) - load(normal + i) * splat(p)));
  }
  for (; i < n; i++) out[i] = s * (dn[i] - m - normal[i] * p);
}

// dx dnormal normal rstd centre · axes
void op_normalise_gradient(const W *a) {
  Axes g = axes_of(IN(1), a + 5);
  double n = (double)count(&g);
  for (W i = 0; i < g.k0; i++) {
    const float *rstd = IN(3) + i * g.k1, *dn = g.x + i * g.sk0, *normal = IN(2) + i * g.sk0;
    float *out = OUT(0) + i * g.sk0;
    if (g.sr1 == 1) {
      for (W j = 0; j < g.k1; j++) {
        double sum = 0, projection = 0;
        for (W r = 0; r < g.r0; r++) {
          W at = j * g.sk1 + r * g.sr0;
          projection += run_products(dn + at, normal + at, g.r1);
          if (a[4]) sum += run_sum(dn + at, g.r1);
        }
        for (W r = 0; r < g.r0; r++) {
          W at = j * g.sk1 + r * g.sr0;
          back_run(out + at, dn + at, normal + at, g.r1, (float)(sum / n), (float)(projection / n), rstd[j]);
        }
      }
      continue;
    }
    for (W j = 0; j < g.k1; j += 4) {
      W left = g.k1 - j;
      f4 sum = splat(0), projection = splat(0), s = take(rstd + j, left);
      for (W r = 0; r < g.r0; r++)
        for (W q = 0; q < g.r1; q++) {
          W at = j + r * g.sr0 + q * g.sr1;
          f4 d = take(dn + at, left);
          projection = fma4(d, take(normal + at, left), projection);
          if (a[4]) sum = sum + d;
        }
      sum = sum / splat((float)n), projection = projection / splat((float)n);
      for (W r = 0; r < g.r0; r++)
        for (W q = 0; q < g.r1; q++) {
          W at = j + r * g.sr0 + q * g.sr1;
          put(out + at, left, s * (take(dn + at, left) - sum - take(normal + at, left) * projection));
        }
    }
  }
}
