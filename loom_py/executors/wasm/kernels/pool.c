// Max pooling and its gradient.
#include "geometry.h"

// The same window of up to four images: the first largest value of each; NaN counts as largest, the last one if several.
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
  // Range of windows that don't reach into padding at the left or right.
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
  // place / kw as a multiplication, exact while place · kw is below 65536
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
