// Softmax over rows, masked or causal, its sparse variants, and their gradients.
#include "softmax.h"

// y = exp((x - max) / τ) / Σ over the visible ones of the first `n` values, 0 elsewhere up to `width`.
INLINE void softmax_row(float *y, const float *x, W n, W width, Mask m, float inverse, int hidden) {
  float sum = exp_row(y, x, n, width, m, inverse, hidden).total;
  W filled = (n + 3) & ~(W)3;
  scale_row(y, filled < width ? filled : width, hidden && sum == 0 ? 1 : 1 / sum);
}

// y x mask width inverse-temperature causal · four outer extents · the mask's strides · its stride along the row
void op_softmax(const W *a) {
  W width = a[3], row = 0;
  const W *n = a + 6, *s = a + 10;
  for (W i = 0; i < n[0]; i++)
    for (W j = 0; j < n[1]; j++)
      for (W k = 0; k < n[2]; k++)
        for (W l = 0; l < n[3]; l++, row++) {
          Mask m = {a[2] ? (const int32_t *)a[2] + i * s[0] + j * s[1] + k * s[2] + l * s[3] : 0, a[14]};
          W upto = a[5] ? row % width + 1 : width;
          softmax_row(OUT(0) + row * width, IN(1) + row * width, upto, width, m, word_float(a[4]), a[2] || a[5]);
        }
}

// dx dy y rows n inverse-temperature
void op_softmax_gradient(const W *a) {
  W n = a[4];
  f4 inverse = splat(word_float(a[5]));
  for (W r = 0; r < a[3]; r++) {
    const float *dy = IN(1) + r * n, *y = IN(2) + r * n;
    float *dx = OUT(0) + r * n;
    f4 sum = splat(0);
    W i = 0, left = n & 3, whole = n - left;
    for (; i < whole; i += 4) sum = fma4(load(dy + i), load(y + i), sum);
    if (left) sum = fma4(load_some(dy + i, left, 0), load_some(y + i, left, 0), sum);
    f4 dot = splat(total(sum));
    for (i = 0; i < whole; i += 4) store(dx + i, (load(dy + i) - dot) * load(y + i) * inverse);
    if (left) store_some(dx + i, left, (load_some(dy + i, left, 0) - dot) * load_some(y + i, left, 0) * inverse);
  }
}

// Sorts in descending order, in place (heap sort: no recursion, no memory).
static void sort_down(float *v, W n) {
  for (W start = n / 2, end = n; end > 1;) {
    float moved;
    if (start > 0) {
      moved = v[--start];
    } else {
      moved = v[--end];
      v[end] = v[0];
    }
    W at = start;
    for (W child; (child = 2 * at + 1) < end; at = child) {
      if (child + 1 < end && v[child + 1] < v[child]) child++;
      if (!(v[child] < moved)) break;
      v[at] = v[child];
    }
    v[at] = moved;
  }
}

// y x rows n scale square scratch: scale is (α-1)/τ, square whether α is 1.5 instead of 2
void op_entmax(const W *a) {
  W n = a[3];
  float scale = word_float(a[4]), *sorted = OUT(6);
  for (W r = 0; r < a[2]; r++) {
    const float *x = IN(1) + r * n;
    float *y = OUT(0) + r * n, top = -__builtin_inff();
    int bad = 0;
    for (W i = 0; i < n; i++) {
      if (x[i] > top) top = x[i];
      bad |= x[i] != x[i];
    }
    if (bad || top == __builtin_inff() || top == -__builtin_inff()) {
      for (W i = 0; i < n; i++) y[i] = __builtin_nanf("");
      continue;
    }
    for (W i = 0; i < n; i++) sorted[i] = (x[i] - top) * scale;
    sort_down(sorted, n);
    float sum = 0, squares = 0, t = 0, edge = 0;
    for (W k = 1; k <= n; k++) {
      float z = sorted[k - 1], threshold;
      sum += z;
      squares += z * z;
      if (a[5]) {
        float mean = sum / k, spread = squares - k * mean * mean, rest = (1 - spread) / k;
        threshold = mean - __builtin_sqrtf(rest > 0 ? rest : 0);
      } else {
        threshold = (sum - 1) / k;
      }
      if (!(z > threshold)) break;
      t = threshold;
      edge = z;
    }
    for (W i = 0; i < n; i++) {
      float z = (x[i] - top) * scale, d = z >= edge && z > t ? z - t : 0;
      y[i] = a[5] ? d * d : d;
    }
  }
}

// dx dy y rows n inverse-temperature square
void op_entmax_gradient(const W *a) {
  W n = a[4];
  float inverse = word_float(a[5]);
  for (W r = 0; r < a[3]; r++) {
    const float *dy = IN(1) + r * n, *y = IN(2) + r * n;
    float *dx = OUT(0) + r * n, sum = 0, weight = 0;
#define SLOPE(i) (a[6] ? __builtin_sqrtf(y[i]) : y[i] > 0 ? 1.0f : 0.0f)
    for (W i = 0; i < n; i++) {
      float g = SLOPE(i);
      sum += g * dy[i];
      weight += g;
    }
    float mean = sum / weight;
    for (W i = 0; i < n; i++) dx[i] = (dy[i] - mean) * SLOPE(i) * inverse;
  }
}
