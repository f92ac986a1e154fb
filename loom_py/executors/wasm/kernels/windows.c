// Sliding windows unfolded into columns, and columns folded back.
#include "geometry.h"

// Windows [first, last) of an axis whose place at distance `at` is a value, not padding.
typedef struct {
  W first, last;
} Range;

INLINE Range range_at(W at, W stride, W extent, W count) {
  W first = at >= 0 ? 0 : (-at + stride - 1) / stride, last = extent > at ? (extent - at + stride - 1) / stride : 0;
  if (last > count) last = count;
  return first < last ? (Range){first, last} : (Range){0, 0};
}

// out[first…last) = x[window·stride], 0 elsewhere.
INLINE void cut_row(float *out, const float *x, Range m, W stride, W count) {
  W i = m.first;
  zero(out, i);
  if (stride == 1) {
    for (; i + 4 <= m.last; i += 4) store(out + i, load(x + i));
  }
  for (; i < m.last; i++) out[i] = x[i * stride];
  zero(out + i, count - i);
}

// Stride 1 and as many windows as columns ("same" convolutions): one shifted copy of all rows, then zeros in the columns of
// padding, where the copy has values of a neighbouring row.
INLINE void cut_same(float *out, const float *image, Range rows, Range columns, W width) {
  W from = rows.first * width + columns.first, n = (rows.last - 1) * width + columns.last - from, i = 0;
  for (; i + 4 <= n; i += 4) store(out + from + i, load(image + from + i));
  for (; i < n; i++) out[from + i] = image[from + i];
  for (W o = rows.first; o < rows.last; o++) {
    for (W p = 0; p < columns.first; p++) out[o * width + p] = 0;
    for (W p = columns.last; p < width; p++) out[o * width + p] = 0;
  }
}

// out (C,kh,kw,B,OH,OW) x · the windows
void op_unfold(const W *a) {
  Windows w = windows_of(a + 2);
  float *out = OUT(0);
  for (W c = 0; c < w.C; c++)
    for (W i = 0; i < w.kh; i++)
      for (W j = 0; j < w.kw; j++) {
        W up = i * w.dh - w.ph, left = j * w.dw - w.pw;
        Range rows = range_at(up, w.sh, w.H, w.OH), columns = range_at(left, w.sw, w.L, w.OW);
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

INLINE void add_row(float *to, const float *x, Range m, W stride) {
  W i = m.first;
  if (stride == 1) {
    for (; i + 4 <= m.last; i += 4) store(to + i, load(to + i) + load(x + i));
  }
  for (; i < m.last; i++) to[i * stride] += x[i];
}

// out (B,C,H,W) columns · the windows
void op_fold(const W *a) {
  Windows w = windows_of(a + 2);
  const float *x = IN(1);
  zero(OUT(0), w.N * w.C * w.H * w.L);
  for (W c = 0; c < w.C; c++)
    for (W i = 0; i < w.kh; i++)
      for (W j = 0; j < w.kw; j++) {
        W up = i * w.dh - w.ph, left = j * w.dw - w.pw;
        Range rows = range_at(up, w.sh, w.H, w.OH), columns = range_at(left, w.sw, w.L, w.OW);
        for (W n = 0; n < w.N; n++, x += w.OH * w.OW) {
          float *image = OUT(0) + (n * w.C + c) * w.H * w.L + up * w.L + left;
          for (W o = rows.first; o < rows.last; o++) {
            add_row(image + o * w.sh * w.L, x + o * w.OW, columns, w.sw);
          }
        }
      }
}
