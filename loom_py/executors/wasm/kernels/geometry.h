// Geometry of sliding windows over the last two axes of (B,C,H,W); a single spatial axis has H = 1.
#pragma once
#include "loom.h"

typedef struct {
  W N, C, H, L;      // extents of the input, L its width
  W kh, kw, OH, OW;  // size of the windows, and their number
  W sh, sw, ph, pw, dh, dw;
} Windows;

INLINE Windows windows_of(const W *a) {
  return (Windows){a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13]};
}

INLINE void zero(float *out, W n) {
  W i = 0;
  for (; i + 4 <= n; i += 4) store(out + i, splat(0));
  for (; i < n; i++) out[i] = 0;
}
