// Rows of exponentials, for softmax and attention.
#pragma once
#include "math.h"

// Whether the mask leaves value i of a row visible; masks are floats or int32, and 0 (or -0.0) hides.
typedef struct {
  const int32_t *words;
  W stride;
} Mask;

INLINE int shows(Mask m, W i) { return !m.words || (m.words[i * m.stride] & 0x7fffffff) != 0; }

// Values i … i+3 of a row, -∞ where hidden or beyond n.
INLINE f4 visible(const float *x, Mask m, W i, W n, W width) {
  const f4 hidden = splat(-__builtin_inff());
  f4 v = width - i >= 4 ? load(x + i) : load_some(x + i, width - i, 0);
  i4 inside = (i4){0, 1, 2, 3} < splat_i((int32_t)(n - i));
  if (m.words) {
    UNROLL for (int k = 0; k < 4; k++) {
      if (k < n - i && !shows(m, i + k)) inside[k] = 0;
    }
  }
  return choose(inside, v, hidden);
}

// The largest of a row's visible values and Σ exp((x - largest) / τ) over them.
typedef struct {
  float top, total;
} Row;

// y = exp((x - largest) / τ) for the visible ones of the first `n` values, 0 elsewhere up to `width`. If `hidden` is set, a
// row without visible values has the largest value 0.
INLINE Row exp_row(float *y, const float *x, W n, W width, Mask m, float inverse, int hidden) {
  f4 top4 = splat(-__builtin_inff());
  W whole = m.words ? 0 : n & ~(W)3;  // values that need no check of the mask or the row's end
  for (W i = 0; i < whole; i += 4) top4 = max4(top4, load(x + i));
  for (W i = whole; i < n; i += 4) top4 = max4(top4, visible(x, m, i, n, width));
  float top = largest4(top4);
  if (hidden && top == -__builtin_inff()) top = 0;
  f4 sum4 = splat(0), shift = splat(top), factor = splat(inverse);
  for (W i = 0; i < whole; i += 4) {
    f4 e = exp_down4((load(x + i) - shift) * factor);
    sum4 = sum4 + e;
    store(y + i, e);
  }
  for (W i = whole; i < n; i += 4) {
    f4 e = exp_down4((visible(x, m, i, n, width) - shift) * factor);
    sum4 = sum4 + e;
    if (width - i >= 4) store(y + i, e);
    else store_some(y + i, width - i, e);
  }
  W filled = (n + 3) & ~(W)3, i = filled;
  for (; i + 4 <= width; i += 4) store(y + i, splat(0));
  for (; i < width; i++) y[i] = 0;
  return (Row){top, total(sum4)};
}

// y *= factor.
INLINE void scale_row(float *y, W width, float factor) {
  W i = 0;
  for (; i + 4 <= width; i += 4) store(y + i, load(y + i) * splat(factor));
  for (; i < width; i++) y[i] *= factor;
}
