// Loss heads: the mean loss and its gradient. Losses are added in double.
#include "math.h"

// Applies GRADIENT to n pairs (v output, u target) and sums LOSS; the last vector is filled up with pairs whose loss is 0.
#define HEAD(NAME, REST_V, REST_U, LOSS, GRADIENT)                                                                     \
  /* loss dx output target n parameter */                                                                             \
  void op_##NAME(const W *a) {                                                                                         \
    float *dx = OUT(1);                                                                                                \
    const float *x = IN(2), *t = IN(3);                                                                                \
    W n = a[4];                                                                                                        \
    f4 p = splat(word_float(a[5])), share = splat(1.0f / (float)(n ? n : 1));                                          \
    double sum = 0;                                                                                                    \
    (void)p;                                                                                                           \
    for (W i = 0; i < n; i += 4) {                                                                                     \
      W left = n - i;                                                                                                  \
      f4 v = left >= 4 ? load(x + i) : load_some(x + i, left, REST_V);                                                 \
      f4 u = left >= 4 ? load(t + i) : load_some(t + i, left, REST_U);                                                 \
      f4 loss = LOSS, gradient = (GRADIENT)*share;                                                                     \
      sum += total_d(loss);                                                                                            \
      if (left >= 4) store(dx + i, gradient);                                                                          \
      else store_some(dx + i, left, gradient);                                                                         \
    }                                                                                                                  \
    *OUT(0) = (float)(sum / (double)n);                                                                                \
  }

INLINE f4 sign4(f4 v) {
  f4 s = choose(v > splat(0), splat(1), choose(v < splat(0), splat(-1), splat(0)));
  return choose(v == v, s, v);
}
INLINE f4 huber4(f4 e, f4 delta) {
  f4 size = abs4(e);
  return choose(size <= delta, splat(0.5f) * size * size, delta * (size - splat(0.5f) * delta));
}
INLINE f4 held(f4 v, f4 limit) { return max4(min4(v, limit), -limit); }
INLINE f4 bce_logits(f4 x, f4 t) { return max4(x, splat(0)) - x * t + log1p4(exp_down4(-abs4(x))); }
INLINE f4 bce(f4 p, f4 t) {
  f4 log_p = max4(log4(p), splat(-100)), log_q = max4(log1p4(-p), splat(-100));
  return -(t * log_p + (splat(1) - t) * log_q);
}
INLINE f4 bce_slope(f4 p, f4 t) { return (p - t) / max4(p * (splat(1) - p), splat(1e-12f)); }

HEAD(squared_error, 0, 0, (v - u) * (v - u), splat(2) * (v - u))
HEAD(absolute_error, 0, 0, abs4(v - u), sign4(v - u))
HEAD(huber_error, 0, 0, huber4(v - u, p), held(v - u, p))
// A logit of -104 against 0 costs exp(-104), which is 0.
HEAD(binary_cross_entropy_logits, -104, 0, bce_logits(v, u), sigmoid4(v) - u)
HEAD(binary_cross_entropy_probabilities, 0, 0, bce(v, u), bce_slope(v, u))

// Targets of cross-entropy: int32 labels, or rows of class shares; smoothed, then weighted by class.
typedef struct {
  const int32_t *labels;
  const float *shares, *weights;
  W classes, ignores, ignored;
  float keep, spread;
} Target;

// Whether a row counts: its label is not the ignored one.
INLINE int counts(const Target *t, W row) { return !t->labels || !t->ignores || t->labels[row] != t->ignored; }

INLINE float target_at(const Target *t, W row, W c) {
  if (!counts(t, row)) return 0;
  float hard = t->labels ? (t->labels[row] == c ? 1.0f : 0.0f) : t->shares[row * t->classes + c];
  float soft = hard * t->keep + t->spread;
  return t->weights ? soft * t->weights[c] : soft;
}

// loss dx x target weights labelled rows classes smoothing ignores ignored
INLINE Target target_of(const W *a) {
  float smoothing = word_float(a[8]);
  return (Target){a[5] ? (const int32_t *)a[3] : 0, a[5] ? 0 : IN(3), IN(4), a[7], a[9], a[10], 1 - smoothing,
                  smoothing / (float)a[7]};
}

// Divisor of the losses: the number of rows that count, or with labels and weights the sum of their classes' weights; 1 if
// that is 0.
// NaN if a label is invalid, since no number is better than a wrong one.
static double divisor(const Target *t, W rows) {
  double sum = 0;
  for (W r = 0; r < rows; r++) {
    if (!counts(t, r)) continue;
    if (t->labels && (t->labels[r] < 0 || t->labels[r] >= t->classes)) return __builtin_nan("");
    sum += t->labels && t->weights ? t->weights[t->labels[r]] : 1;
  }
  return sum > 0 ? sum : 1;
}

void op_cross_entropy_logits(const W *a) {
  Target t = target_of(a);
  W rows = a[6], n = a[7];
  double by = divisor(&t, rows), sum = 0;
  f4 share = splat((float)(1 / by));
  int plain = t.labels && !t.weights && t.spread == 0 && by == by;
  for (W r = 0; r < rows; r++) {
    const float *x = IN(2) + r * n;
    float *dx = OUT(1) + r * n;
    f4 top4 = splat(-__builtin_inff());
    W i = 0, left = n & 3, whole = n - left;
    for (; i < whole; i += 4) top4 = max4(top4, load(x + i));
    if (left) top4 = max4(top4, load_some(x + i, left, -__builtin_inff()));
    float top = largest4(top4);
    top4 = splat(top);
    f4 sum4 = splat(0);
    for (i = 0; i < whole; i += 4) {
      f4 e = exp_down4(load(x + i) - top4);
      sum4 = sum4 + e;
      store(dx + i, e);
    }
    if (left) {
      f4 e = exp_down4(load_some(x + i, left, -__builtin_inff()) - top4);
      sum4 = sum4 + e;
      store_some(dx + i, left, e);
    }
    float z = total(sum4), log_z = log1(z);
    if (plain && counts(&t, r)) {
      W label = t.labels[r];
      sum -= (x[label] - top) - log_z;
      f4 scale = splat(1 / z) * share;
      for (i = 0; i < whole; i += 4) store(dx + i, load(dx + i) * scale);
      for (; i < n; i++) dx[i] *= scale[0];
      dx[label] -= share[0];
      continue;
    }
    float all = 0;
    for (i = 0; i < n; i++) {
      float weight = target_at(&t, r, i), log_p = (x[i] - top) - log_z;
      all += weight;
      if (weight != 0 || log_p != log_p) sum -= (double)weight * log_p;
    }
    float scale = all / z;
    for (i = 0; i < n; i++) dx[i] = (dx[i] * scale - target_at(&t, r, i)) * share[0];
  }
  *OUT(0) = (float)(sum / by);
}

void op_cross_entropy_probabilities(const W *a) {
  Target t = target_of(a);
  W rows = a[6], n = a[7];
  double by = divisor(&t, rows), sum = 0;
  float share = (float)(-1 / by);
  for (W r = 0; r < rows; r++) {
    const float *p = IN(2) + r * n;
    float *dx = OUT(1) + r * n;
    for (W i = 0; i < n; i++) {
      float weight = target_at(&t, r, i), safe = p[i] < 1.17549435e-38f ? 1.17549435e-38f : p[i];
      if (p[i] != p[i]) sum = __builtin_nan("");
      else if (weight != 0) sum -= (double)weight * log1(safe);
      dx[i] = weight / safe * share;
    }
  }
  *OUT(0) = (float)(sum / by);
}

// Index of the first largest of n values; -1 if one is NaN.
static W first_largest(const float *x, W n) {
  const f4 least = splat(-__builtin_inff());
  f4 top4 = least;
  i4 bad = splat_i(0);
  W i = 0;
  for (; i + 4 <= n; i += 4) {
    f4 v = load(x + i);
    top4 = max4(top4, v);
    bad |= (i4)(v != v);
  }
  if (i < n) {
    f4 v = load_some(x + i, n - i, least[0]);
    top4 = max4(top4, v);
    bad |= (i4)(v != v);
  }
  if (bad[0] | bad[1] | bad[2] | bad[3]) return -1;
  float top = largest4(top4);
  for (i = 0; x[i] != top;) i++;
  return i;
}

// out output target labelled rows n ignored: counts rows without NaN whose first largest value is at the target's class
void op_correct_count(const W *a) {
  W right = 0, n = a[5];
  for (W r = 0; r < a[4]; r++) {
    const float *x = IN(1) + r * n;
    W best = first_largest(x, n);
    W wanted = 0;
    if (a[3]) {
      wanted = ((const int32_t *)a[2])[r];
    } else {
      const float *t = IN(2) + r * n;
      for (W i = 1; i < n; i++) if (t[i] > t[wanted]) wanted = i;
    }
    right += best == wanted && wanted != a[6];
  }
  *OUT(0) = (float)right;
}
