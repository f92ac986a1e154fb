// Normalisation by mean and variance over some axes, and its gradient.
#include "strides.h"

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
        rstd[j] = rstd4(splat((float)(squares / count(&g)) + eps))[0];
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
      f4 s = rstd4(column_variance(&g, x + j, left, mean) + splat(eps));
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
