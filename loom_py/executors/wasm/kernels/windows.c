// Sliding windows over the last two axes of (N,C,H,W); one spatial axis is H = 1.
#include "loom.h"

typedef struct {
  W N, C, H, L;      // of the input, L its width
  W kh, kw, OH, OW;  // of the windows, and how many there are
  W sh, sw, ph, pw, dh, dw;
} Windows;

INLINE Windows windows_of(const W *a) {
  return (Windows){a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13]};
}

// Windows [first, last) of an axis that meet a value (and not padding) with their place at distance `at`.
typedef struct {
  W first, last;
} Met;

INLINE Met meeting(W at, W stride, W extent, W count) {
  W first = at >= 0 ? 0 : (-at + stride - 1) / stride, last = extent > at ? (extent - at + stride - 1) / stride : 0;
  if (last > count) last = count;
  return first < last ? (Met){first, last} : (Met){0, 0};
}

INLINE void zero(float *out, W n) {
  W i = 0;
  for (; i + 4 <= n; i += 4) store(out + i, splat(0));
  for (; i < n; i++) out[i] = 0;
}

// out[first…last) = x[window·stride], 0 elsewhere.
INLINE void cut_row(float *out, const float *x, Met m, W stride, W count) {
  W i = m.first;
  zero(out, i);
  if (stride == 1) {
    for (; i + 4 <= m.last; i += 4) store(out + i, load(x + i));
  }
  for (; i < m.last; i++) out[i] = x[i * stride];
  zero(out + i, count - i);
}

// Windows one step apart and as wide as the image ("same" convolutions): one shifted copy of all rows, and then zeros
// in the columns that met padding, where the copy has a neighbouring row's values.
INLINE void cut_same(float *out, const float *image, Met rows, Met columns, W width) {
  W from = rows.first * width + columns.first, n = (rows.last - 1) * width + columns.last - from, i = 0;
  for (; i + 4 <= n; i += 4) store(out + from + i, load(image + from + i));
  for (; i < n; i++) out[from + i] = image[from + i];
  for (W o = rows.first; o < rows.last; o++) {
    for (W p = 0; p < columns.first; p++) out[o * width + p] = 0;
    for (W p = columns.last; p < width; p++) out[o * width + p] = 0;
  }
}

// out (C,kh,kw,N,OH,OW) x · the windows
void op_windows(const W *a) {
  Windows w = windows_of(a + 2);
  float *out = OUT(0);
  for (W c = 0; c < w.C; c++)
    for (W i = 0; i < w.kh; i++)
      for (W j = 0; j < w.kw; j++) {
        W up = i * w.dh - w.ph, left = j * w.dw - w.pw;
        Met rows = meeting(up, w.sh, w.H, w.OH), columns = meeting(left, w.sw, w.L, w.OW);
        for (W n = 0; n < w.N; n++, out += w.OH * w.OW) {
          const float *image = IN(1) + (n * w.C + c) * w.H * w.L + up * w.L + left;
          zero(out, rows.first * w.OW);
          if (w.sh == 1 && w.sw == 1 && w.OW == w.L && rows.first < rows.last && columns.first < columns.last) {
            cut_same(out, image, rows, columns, w.L);
          } else for (W o = rows.first; o < rows.last; o++) {
            cut_row(out + o * w.OW, image + o * w.sh * w.L, columns, w.sw, w.OW);
          }
          zero(out + rows.last * w.OW, (w.OH - rows.last) * w.OW);
        }
      }
}

INLINE void add_row(float *to, const float *x, Met m, W stride) {
  W i = m.first;
  if (stride == 1) {
    for (; i + 4 <= m.last; i += 4) store(to + i, load(to + i) + load(x + i));
  }
  for (; i < m.last; i++) to[i * stride] += x[i];
}

// out (N,C,H,W) columns · the windows
void op_fold(const W *a) {
  Windows w = windows_of(a + 2);
  const float *x = IN(1);
  zero(OUT(0), w.N * w.C * w.H * w.L);
  for (W c = 0; c < w.C; c++)
    for (W i = 0; i < w.kh; i++)
      for (W j = 0; j < w.kw; j++) {
        W up = i * w.dh - w.ph, left = j * w.dw - w.pw;
        Met rows = meeting(up, w.sh, w.H, w.OH), columns = meeting(left, w.sw, w.L, w.OW);
        for (W n = 0; n < w.N; n++, x += w.OH * w.OW) {
          float *image = OUT(0) + (n * w.C + c) * w.H * w.L + up * w.L + left;
          for (W o = rows.first; o < rows.last; o++) {
            add_row(image + o * w.sh * w.L, x + o * w.OW, columns, w.sw);
          }
        }
      }
}

// The same window of up to four images: the first largest value of each, NaN counting as largest (the last of them).
static void pool_images(float *y, int32_t *index, const float *x, const Windows *w, W o, W p, W images) {
  f4 best = splat(-__builtin_inff());
  i4 place = splat_i(-1);
  W apart = w->H * w->L, out = w->OH * w->OW;
  W b = images > 1 ? apart : 0, c = images > 2 ? 2 * apart : 0, d = images > 3 ? 3 * apart : 0;
  for (W i = 0; i < w->kh; i++) {
    W row = o * w->sh + i - w->ph;
    if (row < 0 || row >= w->H) continue;
    for (W j = 0; j < w->kw; j++) {
      W column = p * w->sw + j - w->pw;
      if (column < 0 || column >= w->L) continue;
      const float *at = x + row * w->L + column;
      f4 v = {at[0], at[b], at[c], at[d]};
      i4 better = (i4)(v > best) | (i4)(place < 0) | (i4)(v != v);
      best = choose(better, v, best);
      place = (place & ~better) | (splat_i((int32_t)(i * w->kw + j)) & better);
    }
  }
  UNROLL for (int k = 0; k < 4; k++) {
    if (k < images) y[k * out] = best[k], index[k * out] = place[k];
  }
}

// Four neighbouring windows, none of which reaches into padding at the left or right.
static void pool_four(float *y, int32_t *index, const float *x, const Windows *w, W first, W last) {
  f4 best = splat(-__builtin_inff());
  i4 place = splat_i(-1);
  W s = w->sw;
  for (W i = first; i < last; i++) {
    const float *row = x + i * w->L;
    for (W j = 0; j < w->kw; j++) {
      f4 v = {row[j], row[j + s], row[j + 2 * s], row[j + 3 * s]};
      i4 better = (i4)(v > best) | (i4)(place < 0) | (i4)(v != v);
      best = choose(better, v, best);
      place = (place & ~better) | (splat_i((int32_t)(i * w->kw + j)) & better);
    }
  }
  store(y, best);
  *(i4 *)index = place;
}

// y index x · the windows
void op_max_pool(const W *a) {
  Windows w = windows_of(a + 3);
  float *y = OUT(0);
  int32_t *index = (int32_t *)a[1];
  // Windows that lie inside from left to right.
  W inside = (w.pw + w.sw - 1) / w.sw, beyond = w.L + w.pw >= w.kw ? (w.L + w.pw - w.kw) / w.sw + 1 : 0;
  if (beyond > w.OW) beyond = w.OW;
  W all = w.N * w.C, out = w.OH * w.OW, area = w.H * w.L;
  for (W m = 0; m < all; m += 4, y += 4 * out, index += 4 * out) {
    const float *x = IN(2) + m * area;
    W images = all - m < 4 ? all - m : 4;
    for (W o = 0; o < w.OH; o++) {
      W top = o * w.sh - w.ph, first = top < 0 ? -top : 0, last = w.H - top < w.kh ? w.H - top : w.kh;
      for (W p = 0; p < w.OW;) {
        W at = o * w.OW + p;
        if (p < inside || p + 4 > beyond) {
          pool_images(y + at, index + at, x, &w, o, p++, images);
          continue;
        }
        for (W k = 0; k < images; k++) {
          pool_four(y + at + k * out, index + at + k * out, x + k * area + top * w.L + p * w.sw - w.pw, &w, first, last);
        }
        p += 4;
      }
    }
  }
}

// dx dy index · the windows
void op_max_pool_gradient(const W *a) {
  Windows w = windows_of(a + 3);
  float *dx = OUT(0);
  const float *dy = IN(1);
  const int32_t *index = (const int32_t *)a[2];
  zero(dx, w.N * w.C * w.H * w.L);
  // place / kw as a product, which is exact as long as place · kw stays below 65536.
  W inverse = w.kh * w.kw * w.kw < 65536 ? 65536 / w.kw + 1 : 0;
  for (W m = 0; m < w.N * w.C; m++, dx += w.H * w.L)
    for (W o = 0; o < w.OH; o++)
      for (W p = 0; p < w.OW; p++, dy++, index++) {
        W place = *index;
        if (place < 0 || place >= w.kh * w.kw) continue;
        W i = inverse ? place * inverse >> 16 : place / w.kw;
        W row = o * w.sh + i - w.ph, column = p * w.sw + place - i * w.kw - w.pw;
        if (row >= 0 && row < w.H && column >= 0 && column < w.L) dx[row * w.L + column] += *dy;
      }
}
