// What happens to parameters: norms, guards, clipping, optimizers, and the random numbers of dropout.
#include "math.h"

enum { NORM_BLOCK = 1024 };

// Σ x², or Σ (x - y)² where there is a y: blocks in float, their sums in double.
INLINE double squares(const float *x, const float *y, W n) {
  double sum = 0;
  W i = 0;
  while (n - i >= 16) {
    W end = i + (n - i < NORM_BLOCK ? (n - i) & ~(W)15 : NORM_BLOCK);
    f4 s[4] = {splat(0), splat(0), splat(0), splat(0)};
    for (; i < end; i += 16) {
      UNROLL for (int k = 0; k < 4; k++) {
        f4 v = load(x + i + 4 * k);
        if (y) v = v - load(y + i + 4 * k);
        s[k] = fma4(v, v, s[k]);
      }
    }
    sum += total_d((s[0] + s[1]) + (s[2] + s[3]));
  }
  for (; i < n; i++) {
    float v = y ? x[i] - y[i] : x[i];
    sum += (double)v * v;
  }
  return sum;
}

// The same in double throughout, and quick where all is 0.
INLINE double squares_carefully(const float *x, const float *y, W n) {
  double sum = 0;
  i4 some = splat_i(0);
  W i = 0;
  for (; i + 4 <= n; i += 4) some |= (i4)((y ? load(x + i) - load(y + i) : load(x + i)) != splat(0));
  if (!(some[0] | some[1] | some[2] | some[3])) x += i, y += y ? i : 0, n -= i;
  for (i = 0; i < n; i++) {
    double v = y ? x[i] - y[i] : x[i];
    sum += v * v;
  }
  return sum;
}

// out g n: √Σ g²; all in double where squares of floats would not fit
void op_global_norm(const W *a) {
  const float *x = IN(1);
  double sum = squares(x, 0, a[2]);
  if (!(1e-25 < sum && sum < 1e37)) sum = squares_carefully(x, 0, a[2]);
  *OUT(0) = (float)__builtin_sqrt(sum);
}

// out x y n: √Σ (x - y)²
void op_distance(const W *a) {
  const float *x = IN(1), *y = IN(2);
  double sum = squares(x, y, a[3]);
  if (!(1e-25 < sum && sum < 1e37)) sum = squares_carefully(x, y, a[3]);
  *OUT(0) = (float)__builtin_sqrt(sum);
}

INLINE int finite(float v) { return v - v == 0; }

// out loss norm
void op_finite_guard(const W *a) { *OUT(0) = finite(*IN(1)) && finite(*IN(2)); }

// out norm most
void op_clip_scale(const W *a) {
  float scale = (float)((double)word_float(a[2]) / ((double)*IN(1) + 1e-6));
  *OUT(0) = scale < 1 ? scale : 1;
  if (*IN(1) != *IN(1)) *OUT(0) = 1;
}

#define EACH(N)                                                                                                        \
  for (W i = 0; i < (N); i += 4) {                                                                                     \
    W left = (N)-i;
#define TAKE(p) (left >= 4 ? load((p) + i) : load_some((p) + i, left, 0))
#define PUT(p, v)                                                                                                      \
  if (left >= 4) store((p) + i, v);                                                                                    \
  else store_some((p) + i, left, v);

// g n limit
void op_clip_values(const W *a) {
  f4 limit = splat(word_float(a[2]));
  EACH(a[1]) PUT(OUT(0), max4(min4(TAKE(OUT(0)), limit), -limit)) }
}

// total g keep share n
void op_accumulate(const W *a) {
  float keep = *IN(2);
  f4 share = splat(*IN(3));
  EACH(a[4])
    f4 g = TAKE(IN(1)) * share;
    if (keep != 0) g = fma4(TAKE(OUT(0)), splat(keep), g);
    PUT(OUT(0), g)
  }
}

// dst before ok bytes
void op_undo(const W *a) {
  if (*IN(2) == 0) __builtin_memmove(OUT(0), IN(1), a[3]);
}

INLINE f4 factor(const W word) { return splat(word ? *(const float *)word : 1); }

// w g velocity rate scale ok n momentum nesterov decay
void op_sgd(const W *a) {
  if (*IN(5) == 0) return;
  f4 rate = splat(*IN(3)), scale = factor(a[4]), mu = splat(word_float(a[7])), decay = splat(word_float(a[9]));
  float *w = OUT(0), *v = OUT(2);
  EACH(a[6])
    f4 weight = TAKE(w), step = fma4(weight, decay, TAKE(IN(1)) * scale);
    if (v) {
      f4 velocity = fma4(TAKE(v), mu, step);
      PUT(v, velocity)
      step = a[8] ? fma4(velocity, mu, step) : velocity;
    }
    PUT(w, weight - step * rate)
  }
}

// w velocity step ok n momentum: velocity ← μ·velocity + (1 - μ)·step, w ← w + velocity; without velocity w ← w + step
void op_move(const W *a) {
  if (*IN(3) == 0) return;
  double momentum = word_double(a + 5);
  f4 keep = splat((float)momentum), fresh = splat((float)(1 - momentum));
  float *v = OUT(1);
  EACH(a[4])
    f4 step = TAKE(IN(2));
    if (v) {
      step = fma4(TAKE(v), keep, step * fresh);
      PUT(v, step)
    }
    PUT(OUT(0), TAKE(OUT(0)) + step)
  }
}

static double power(double base, W n) {
  double result = 1;
  for (; n > 0; n >>= 1, base *= base) if (n & 1) result *= base;
  return result;
}

// w g m v rate count scale ok n decoupled · beta1 beta2 eps decay as doubles of two words
void op_adam(const W *a) {
  if (*IN(7) == 0) return;
  double rate = *IN(4), beta1 = word_double(a + 10), beta2 = word_double(a + 12), decay = word_double(a + 16);
  W t = (W)*IN(5);
  f4 scale = factor(a[6]), fresh1 = splat((float)(1 - beta1)), fresh2 = splat((float)(1 - beta2));
  f4 keep2 = splat((float)beta2), eps = splat((float)word_double(a + 14));
  f4 shrink = splat(a[9] ? (float)(1 - rate * decay) : 1), pull = splat(a[9] ? 0 : (float)decay);
  f4 spread = splat((float)(1 / __builtin_sqrt(1 - power(beta2, t))));
  f4 size = splat((float)(rate / (1 - power(beta1, t))));
  EACH(a[8])
    f4 w = TAKE(OUT(0)), g = fma4(w, pull, TAKE(IN(1)) * scale), m = TAKE(OUT(2)), v = TAKE(OUT(3));
    m = fma4(fresh1, g - m, m);
    v = fma4(fresh2, g * g, v * keep2);
    PUT(OUT(2), m)
    PUT(OUT(3), v)
    PUT(OUT(0), w * shrink - m / fma4(sqrt4(v), spread, eps) * size)
  }
}

// w g square velocity rate scale ok n alpha 1-alpha eps momentum decay
void op_rmsprop(const W *a) {
  if (*IN(6) == 0) return;
  f4 rate = splat(*IN(4)), scale = factor(a[5]), keep = splat(word_float(a[8])), fresh = splat(word_float(a[9]));
  f4 eps = splat(word_float(a[10])), mu = splat(word_float(a[11])), decay = splat(word_float(a[12]));
  EACH(a[7])
    f4 w = TAKE(OUT(0)), g = fma4(w, decay, TAKE(IN(1)) * scale);
    f4 square = fma4(fresh, g * g, TAKE(OUT(2)) * keep);
    PUT(OUT(2), square)
    f4 step = g / (sqrt4(square) + eps);
    if (a[3]) {
      step = fma4(TAKE(OUT(3)), mu, step);
      PUT(OUT(3), step)
    }
    PUT(OUT(0), w - step * rate)
  }
}

// w g m rate scale ok n decoupled-decay · beta1 1-beta1 beta2 1-beta2
void op_lion(const W *a) {
  if (*IN(5) == 0) return;
  float rate = *IN(3);
  f4 scale = factor(a[4]), shrink = splat((float)(1 - (double)rate * word_float(a[7])));
  f4 keep1 = splat(word_float(a[8])), fresh1 = splat(word_float(a[9]));
  f4 keep2 = splat(word_float(a[10])), fresh2 = splat(word_float(a[11]));
  EACH(a[6])
    f4 g = TAKE(IN(1)) * scale, m = TAKE(OUT(2)), mixed = m * keep1 + g * fresh1;
    f4 one = (f4)((i4)splat(1) & (i4)(mixed != splat(0)));
    f4 step = choose(mixed == mixed, with_sign(one, mixed), mixed) * splat(rate);
    PUT(OUT(0), TAKE(OUT(0)) * shrink - step)
    PUT(OUT(2), m * keep2 + g * fresh2)
  }
}

// Chris Wellons's "lowbias32".
INLINE u4 mix(u4 x) {
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  return x ^ (x >> 16);
}

// out draw n seed-low seed-high stream threshold value: value where the random word is at least the threshold, else 0
void op_dropout_mask(const W *a) {
  u4 key = splat_u(0);
  const uint32_t words[4] = {(uint32_t)a[3], (uint32_t)a[4], (uint32_t)a[5], *(const uint32_t *)a[1]};
  UNROLL for (int k = 0; k < 4; k++) key = mix((key ^ splat_u(words[k])) + splat_u(0x9E3779B9u));
  u4 number = {0, 1, 2, 3}, threshold = splat_u((uint32_t)a[6]);
  f4 value = splat(word_float(a[7]));
  EACH(a[2])
    u4 bits = mix(mix(number + key) + key);
    PUT(OUT(0), (f4)((i4)value & (i4)(bits >= threshold)))
    number += 4;
  }
}
