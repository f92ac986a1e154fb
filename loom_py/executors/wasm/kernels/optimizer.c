// Optimizers: one pass over parameters, gradients and state. Nothing is written if `ok` is 0.
#include "math.h"

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
