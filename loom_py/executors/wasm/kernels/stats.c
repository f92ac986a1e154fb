// Statistics of an array, with NaN and infinities counted separately: two passes over the values, sums in double.
#include "loom.h"

typedef struct {
  double zeros, nan, positive, negative, sum, squares;
  float low, high;
} Seen;

enum { BLOCK = 256 };

INLINE W lanes(i4 mask) { return -(W)(mask[0] + mask[1] + mask[2] + mask[3]); }

// Zeros, extremes, sum and squares, four values at a time; right if all are finite and no square overflows or underflows.
static Seen look(const float *x, W n) {
  Seen s = {0, 0, 0, 0, 0, 0, __builtin_inff(), -__builtin_inff()};
  f4 low = splat(s.low), high = splat(s.high);
  W whole = n & ~(W)7;
  for (W start = 0; start < whole; start += BLOCK) {
    W end = start + BLOCK < whole ? start + BLOCK : whole;
    f4 sum0 = splat(0), sum1 = splat(0), squares0 = splat(0), squares1 = splat(0);
    i4 zeros = splat_i(0);
    for (W i = start; i < end; i += 8) {
      f4 v = load(x + i), u = load(x + i + 4);
      zeros += (i4)(v == splat(0)) + (i4)(u == splat(0));
      low = min4(low, min4(v, u));
      high = max4(high, max4(v, u));
      sum0 = sum0 + v, sum1 = sum1 + u;
      squares0 = fma4(v, v, squares0), squares1 = fma4(u, u, squares1);
    }
    s.zeros += (double)lanes(zeros);
    s.sum += total_d(sum0) + total_d(sum1);
    s.squares += total_d(squares0) + total_d(squares1);
  }
  for (int k = 0; k < 4; k++) {
    if (low[k] < s.low) s.low = low[k];
    if (high[k] > s.high) s.high = high[k];
  }
  for (W i = whole; i < n; i++) {
    s.zeros += x[i] == 0;
    if (x[i] < s.low) s.low = x[i];
    if (x[i] > s.high) s.high = x[i];
    s.sum += x[i];
    s.squares += (double)x[i] * x[i];
  }
  return s;
}

// The same for the finite values only, all in double: for arrays with NaN, infinities, or huge or tiny numbers.
static Seen look_carefully(const float *x, W n) {
  Seen s = {0, 0, 0, 0, 0, 0, __builtin_inff(), -__builtin_inff()};
  for (W i = 0; i < n; i++) {
    float v = x[i];
    if (v != v) {
      s.nan++;
    } else if (v == __builtin_inff()) {
      s.positive++;
    } else if (v == -__builtin_inff()) {
      s.negative++;
    } else {
      s.zeros += v == 0;
      if (v < s.low) s.low = v;
      if (v > s.high) s.high = v;
      s.sum += v;
      s.squares += (double)v * v;
    }
  }
  return s;
}

// Σ (x - mean)² of the finite values.
static double deviations(const float *x, W n, double mean) {
  double sum = 0;
  for (W i = 0; i < n; i++) {
    double d = (double)x[i] - mean;
    if (x[i] - x[i] == 0) sum += d * d;
  }
  return sum;
}

// Number of units that are 0 everywhere; x is (before, units, after). Most units are found alive early.
static W dead_units(const float *x, W before, W units, W after) {
  W dead = 0;
  for (W u = 0; u < units; u++) {
    int alive = 0;
    for (W b = 0; b < before && !alive; b++) {
      const float *run = x + (b * units + u) * after;
      for (W i = 0; i < after && !alive; i++) alive = run[i] != 0;
    }
    dead += !alive;
  }
  return dead;
}

// row x n has-units before units after; the row's fields as in ops/stats.py
void op_stats(const W *a) {
  double *row = (double *)a[0];
  const float *x = IN(1);
  W n = a[2];
  const double absent = __builtin_nan("");
  Seen s = look(x, n);
  int plain = s.squares < 1e30 && (s.squares > 1e-30 || s.zeros == (double)n);
  if (!plain) s = look_carefully(x, n);
  double counted = (double)n - s.nan - s.positive - s.negative;
  row[0] = (double)n;
  row[1] = s.nan;
  row[2] = s.positive;
  row[3] = s.negative;
  row[4] = s.zeros;
  row[5] = row[6] = row[7] = row[8] = row[9] = row[10] = absent;
  if (counted > 0) {
    double mean = s.sum / counted, variance = s.squares / counted - mean * mean;
    if (variance < 0.01 * mean * mean) variance = deviations(x, n, mean) / counted;  // a difference of large numbers
    row[5] = s.low;
    row[6] = s.high;
    row[7] = mean;
    row[8] = __builtin_sqrt(variance > 0 ? variance : 0);
    row[9] = __builtin_sqrt(s.squares);
  }
  if (a[3] && n > 0) {
    // A dead unit has n / units zeros: with fewer in all there is none.
    row[10] = s.zeros * (double)a[5] < (double)n ? 0 : (double)dead_units(x, a[4], a[5], a[6]);
  }
}

// counts x n: finite values by sign and exponent, as in ops/histogram.py: 64 bins for each sign, and one for 0
void op_histogram(const W *a) {
  double *counts = (double *)a[0];
  const int32_t *bits = (const int32_t *)a[1];
  for (W i = 0; i < 129; i++) counts[i] = 0;
  for (W i = 0; i < a[2]; i++) {
    int32_t exponent = (bits[i] >> 23 & 255) - 127;
    if (exponent == 128) continue;
    int32_t place = exponent < -32 ? 1 : exponent > 31 ? 64 : exponent + 33;
    if ((bits[i] & 0x7fffffff) == 0) place = 0;
    counts[64 + (bits[i] < 0 ? -place : place)] += 1;
  }
}

// out x n: number of non-finite values
void op_count_nonfinite(const W *a) {
  const float *x = IN(1);
  W bad = 0;
  for (W i = 0; i < a[2]; i++) bad += !(x[i] - x[i] == 0);
  *OUT(0) = (float)bad;
}
