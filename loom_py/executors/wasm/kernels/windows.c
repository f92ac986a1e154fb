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

// Windows [first, last) of an axis whose place `at` in the window meets a value (and not padding).
INLINE W first_meeting(W at, W stride) { return at >= 0 ? 0 : (-at + stride - 1) / stride; }
INLINE W last_meeting(W at, W stride, W extent, W count) {
  W end = extent - at <= 0 ? 0 : (extent - at + stride - 1) / stride;
  return end < count ? end : count;
}

// out[first…last) = x[at + window·stride], 0 elsewhere.
static void cut_row(float *out, const float *x, W at, W stride, W extent, W count) {
  W first = first_meeting(at, stride), last = last_meeting(at, stride, extent, count), i = 0;
  if (last < first) last = first = count;
  for (; i < first; i++) out[i] = 0;
  if (stride == 1) {
    for (; i + 4 <= last; i += 4) store(out + i, load(x + at + i));
  }
  for (; i < last; i++) out[i] = x[at + i * stride];
  for (; i < count; i++) out[i] = 0;
}

// out (C,kh,kw,N,OH,OW) x · the windows
void op_windows(const W *a) {
  Windows w = windows_of(a + 2);
  float *out = OUT(0);
  for (W c = 0; c < w.C; c++)
    for (W i = 0; i < w.kh; i++)
      for (W j = 0; j < w.kw; j++)
        for (W n = 0; n < w.N; n++) {
          const float *image = IN(1) + (n * w.C + c) * w.H * w.L;
          for (W o = 0; o < w.OH; o++, out += w.OW) {
            W row = o * w.sh + i * w.dh - w.ph;
            if (row < 0 || row >= w.H) {
              for (W k = 0; k < w.OW; k++) out[k] = 0;
            } else {
              cut_row(out, image + row * w.L, j * w.dw - w.pw, w.sw, w.L, w.OW);
            }
          }
        }
}

static void add_row(float *to, const float *x, W at, W stride, W extent, W count) {
  W i = first_meeting(at, stride), last = last_meeting(at, stride, extent, count);
  if (stride == 1) {
    for (; i + 4 <= last; i += 4) store(to + at + i, load(to + at + i) + load(x + i));
  }
  for (; i < last; i++) to[at + i * stride] += x[i];
}

// out (N,C,H,W) columns · the windows
void op_fold(const W *a) {
  Windows w = windows_of(a + 2);
  float *out = OUT(0);
  const float *x = IN(1);
  for (W i = 0; i < w.N * w.C * w.H * w.L; i++) out[i] = 0;
  for (W c = 0; c < w.C; c++)
    for (W i = 0; i < w.kh; i++)
      for (W j = 0; j < w.kw; j++)
        for (W n = 0; n < w.N; n++) {
          float *image = out + (n * w.C + c) * w.H * w.L;
          for (W o = 0; o < w.OH; o++, x += w.OW) {
            W row = o * w.sh + i * w.dh - w.ph;
            if (row >= 0 && row < w.H) add_row(image + row * w.L, x, j * w.dw - w.pw, w.sw, w.L, w.OW);
          }
        }
}

// y index x · the windows: the first largest value of each, NaN counting as largest (the last of them)
void op_max_pool(const W *a) {
  Windows w = windows_of(a + 3);
  float *y = OUT(0);
  int32_t *index = (int32_t *)a[1];
  for (W m = 0; m < w.N * w.C; m++) {
    const float *image = IN(2) + m * w.H * w.L;
    for (W o = 0; o < w.OH; o++)
      for (W p = 0; p < w.OW; p++, y++, index++) {
        float best = -__builtin_inff();
        int32_t place = -1;
        for (W i = 0; i < w.kh; i++) {
          W row = o * w.sh + i - w.ph;
          if (row < 0 || row >= w.H) continue;
          for (W j = 0; j < w.kw; j++) {
            W column = p * w.sw + j - w.pw;
            if (column < 0 || column >= w.L) continue;
            float v = image[row * w.L + column];
            if (v > best || place < 0 || v != v) best = v, place = (int32_t)(i * w.kw + j);
          }
        }
        *y = best;
        *index = place;
      }
  }
}

// dx dy index · the windows
void op_max_pool_gradient(const W *a) {
  Windows w = windows_of(a + 3);
  float *dx = OUT(0);
  const float *dy = IN(1);
  const int32_t *index = (const int32_t *)a[2];
  for (W i = 0; i < w.N * w.C * w.H * w.L; i++) dx[i] = 0;
  for (W m = 0; m < w.N * w.C; m++, dx += w.H * w.L)
    for (W o = 0; o < w.OH; o++)
      for (W p = 0; p < w.OW; p++, dy++, index++) {
        if (*index < 0) continue;
        W row = o * w.sh + *index / w.kw - w.ph, column = p * w.sw + *index % w.kw - w.pw;
        if (row >= 0 && row < w.H && column >= 0 && column < w.L) dx[row * w.L + column] += *dy;
      }
}
