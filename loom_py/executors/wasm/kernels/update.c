// Gradients before an update: norms, guards, clipping; and the random numbers of dropout.
#include "loom.h"

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

// The same all in double, and fast where all values are 0.
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

// out g n: √Σ g²; all in double where squares of floats would overflow or underflow
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

// out loss norm limit buffers
void op_finite_guard(const W *a) {
  *OUT(0) = finite(*IN(1)) && *IN(2) <= *IN(3) && (!a[4] || finite(*IN(4)));
}

// out norm most
void op_clip_scale(const W *a) {
  float scale = (float)((double)word_float(a[2]) / ((double)*IN(1) + 1e-6));
  *OUT(0) = scale < 1 ? scale : 1;
  if (*IN(1) != *IN(1)) *OUT(0) = 1;
}


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
void op_restore_unless(const W *a) {
  if (*IN(2) == 0) __builtin_memmove(OUT(0), IN(1), a[3]);
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
