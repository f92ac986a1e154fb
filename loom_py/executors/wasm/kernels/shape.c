// Verbs that move words of four bytes.
#include "loom.h"

// out n value: n words
void op_fill(const W *a) {
  int32_t *out = (int32_t *)a[0], value = (int32_t)a[2];
  i4 four = splat_i(value);
  W i = 0;
  for (; i + 4 <= a[1]; i += 4) *(i4 *)(out + i) = four;
  for (; i < a[1]; i++) out[i] = value;
}

// out x bytes
void op_copy(const W *a) { __builtin_memmove((void *)a[0], (const void *)a[1], a[2]); }

INLINE void copy_run(int32_t *out, const int32_t *x, W n) {
  W i = 0;
  for (; i + 4 <= n; i += 4) *(i4 *)(out + i) = *(const i4 *)(x + i);
  for (; i < n; i++) out[i] = x[i];
}

INLINE void copy_row(int32_t *out, const int32_t *x, W n, W so, W sx) {
  W i = 0;
  if (so == 1 && sx == 0) {
    i4 four = splat_i(*x);
    for (; i + 4 <= n; i += 4) *(i4 *)(out + i) = four;
  }
  for (; i < n; i++) out[i * so] = x[i * sx];
}

#define EVERY_ROW(COPY)                                                                                                \
  for (W i = 0; i < n[0]; i++)                                                                                         \
    for (W j = 0; j < n[1]; j++)                                                                                       \
      for (W k = 0; k < n[2]; k++) {                                                                                   \
        int32_t *out = (int32_t *)a[0] + i * so[0] + j * so[1] + k * so[2];                                            \
        const int32_t *x = (const int32_t *)a[1] + i * sx[0] + j * sx[1] + k * sx[2];                                  \
        for (W l = 0; l < n[3]; l++, out += so[3], x += sx[3]) COPY;                                                   \
      }

// out x · five extents · out's strides · x's strides, the last axis innermost
void op_copy_strided(const W *a) {
  const W *n = a + 2, *so = a + 7, *sx = a + 12;
  if (so[4] == 1 && sx[4] == 1) {
    EVERY_ROW(copy_run(out, x, n[4]))
  } else {
    EVERY_ROW(copy_row(out, x, n[4], so[4], sx[4]))
  }
}

// out (R,C) = x (C,R) transposed, rows at distances lo and lx.
static void transpose(float *out, const float *x, W R, W C, W lo, W lx) {
  W r = 0;
  for (; r + 4 <= R; r += 4) {
    W c = 0;
    for (; c + 4 <= C; c += 4) {
      const float *from = x + c * lx + r;
      float *to = out + r * lo + c;
      f4 v[4] = {load(from), load(from + lx), load(from + 2 * lx), load(from + 3 * lx)};
      transpose4(v);
      UNROLL for (int i = 0; i < 4; i++) store(to + i * lo, v[i]);
    }
    for (; c < C; c++) UNROLL for (int i = 0; i < 4; i++) out[(r + i) * lo + c] = x[c * lx + r + i];
  }
  for (; r < R; r++) for (W c = 0; c < C; c++) out[r * lo + c] = x[c * lx + r];
}

// out x · three outer extents · out's strides · x's strides · R C lo lx
void op_transpose(const W *a) {
  const W *n = a + 2, *so = a + 5, *sx = a + 8;
  for (W i = 0; i < n[0]; i++)
    for (W j = 0; j < n[1]; j++)
      for (W k = 0; k < n[2]; k++) {
        transpose(OUT(0) + i * so[0] + j * so[1] + k * so[2], IN(1) + i * sx[0] + j * sx[1] + k * sx[2], a[11], a[12],
                  a[13], a[14]);
      }
}

// out table ids n rows width: rows by id; ids are clamped to 0 … rows - 1
void op_gather(const W *a) {
  const int32_t *ids = (const int32_t *)a[2];
  for (W i = 0; i < a[3]; i++) {
    W id = ids[i] < 0 ? 0 : ids[i] >= a[4] ? a[4] - 1 : ids[i];
    copy_run((int32_t *)a[0] + i * a[5], (const int32_t *)a[1] + id * a[5], a[5]);
  }
}

// out dy ids n rows width: sums of dy's rows by id, 0 for missing ids; ids beyond are ignored
void op_scatter_add(const W *a) {
  const int32_t *ids = (const int32_t *)a[2];
  const W zero[3] = {a[0], a[4] * a[5], 0};
  op_fill(zero);
  for (W i = 0; i < a[3]; i++) {
    if (ids[i] < 0 || ids[i] >= a[4]) continue;
    float *to = OUT(0) + ids[i] * a[5];
    const float *from = IN(1) + i * a[5];
    W j = 0;
    for (; j + 4 <= a[5]; j += 4) store(to + j, load(to + j) + load(from + j));
    for (; j < a[5]; j++) to[j] += from[j];
  }
}

// y x cos sin n T half sign: pairs (i, i + half) of n·T rows rotated by the row's angle
void op_rotary(const W *a) {
  W T = a[5], half = a[6];
  f4 sign = splat(a[7]);
  for (W r = 0; r < a[4] * T; r++) {
    const float *x = IN(1) + 2 * half * r, *cos = IN(2) + r % T * half, *sin = IN(3) + r % T * half;
    float *y = OUT(0) + 2 * half * r;
    EACH(half)
      f4 u = TAKE(x), v = TAKE(x + half), c = TAKE(cos), s = TAKE(sin) * sign;
      PUT(y, u * c - v * s)
      PUT(y + half, v * c + u * s)
    }
  }
}
