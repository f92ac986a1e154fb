// The elementwise part of a recurrent layer's time step.
#include "math.h"

#define ONE splat(1)

// h c gates zx zh c_prev rows n
void op_lstm_step(const W *a) {
  W n = a[7];
  for (W r = 0; r < a[6]; r++) {
    const float *zx = IN(3) + 4 * n * r, *zh = IN(4) + 4 * n * r, *before = IN(5) + n * r;
    float *h = OUT(0) + n * r, *c = OUT(1) + n * r, *gates = OUT(2) + 4 * n * r;
    EACH(n)
      f4 in = sigmoid4(TAKE(zx) + TAKE(zh)), forget = sigmoid4(TAKE(zx + n) + TAKE(zh + n));
      f4 new = tanh4(TAKE(zx + 2 * n) + TAKE(zh + 2 * n)), out = sigmoid4(TAKE(zx + 3 * n) + TAKE(zh + 3 * n));
      f4 cell = fma4(forget, TAKE(before), in * new);
      PUT(gates, in)
      PUT(gates + n, forget)
      PUT(gates + 2 * n, new)
      PUT(gates + 3 * n, out)
      PUT(c, cell)
      PUT(h, out * tanh4(cell))
    }
  }
}

// dz dc_prev dy dr dc gates c_prev c rows n
void op_lstm_step_gradient(const W *a) {
  W n = a[9];
  for (W r = 0; r < a[8]; r++) {
    const float *dy = IN(2) + n * r, *dr = IN(3) + n * r, *dc = IN(4) + n * r, *gates = IN(5) + 4 * n * r;
    const float *before = IN(6) + n * r, *c = IN(7) + n * r;
    float *dz = OUT(0) + 4 * n * r, *back = OUT(1) + n * r;
    EACH(n)
      f4 in = TAKE(gates), forget = TAKE(gates + n), new = TAKE(gates + 2 * n), out = TAKE(gates + 3 * n);
      f4 dh = TAKE(dy) + TAKE(dr), flat = tanh4(TAKE(c));
      f4 sum = fma4(dh * out, ONE - flat * flat, TAKE(dc));
      PUT(back, sum * forget)
      PUT(dz, sum * new * (in * (ONE - in)))
      PUT(dz + n, sum * TAKE(before) * (forget * (ONE - forget)))
      PUT(dz + 2 * n, sum * in * (ONE - new * new))
      PUT(dz + 3 * n, dh * flat * (out * (ONE - out)))
    }
  }
}

// h gates zx zh h_prev rows n
void op_gru_step(const W *a) {
  W n = a[6];
  for (W r = 0; r < a[5]; r++) {
    const float *zx = IN(2) + 3 * n * r, *zh = IN(3) + 3 * n * r, *before = IN(4) + n * r;
    float *h = OUT(0) + n * r, *gates = OUT(1) + 4 * n * r;
    EACH(n)
      f4 reset = sigmoid4(TAKE(zx) + TAKE(zh)), keep = sigmoid4(TAKE(zx + n) + TAKE(zh + n));
      f4 kept = TAKE(zh + 2 * n), new = tanh4(fma4(reset, kept, TAKE(zx + 2 * n)));
      PUT(gates, reset)
      PUT(gates + n, keep)
      PUT(gates + 2 * n, new)
      PUT(gates + 3 * n, kept)
      PUT(h, fma4(keep, TAKE(before) - new, new))
    }
  }
}

// dzx dzh dh_prev dy dr straight gates h_prev rows n
void op_gru_step_gradient(const W *a) {
  W n = a[9];
  for (W r = 0; r < a[8]; r++) {
    const float *dy = IN(3) + n * r, *dr = IN(4) + n * r, *past = IN(5) + n * r, *gates = IN(6) + 4 * n * r;
    const float *before = IN(7) + n * r;
    float *dzx = OUT(0) + 3 * n * r, *dzh = OUT(1) + 3 * n * r, *back = OUT(2) + n * r;
    EACH(n)
      f4 reset = TAKE(gates), keep = TAKE(gates + n), new = TAKE(gates + 2 * n), kept = TAKE(gates + 3 * n);
      f4 dh = TAKE(dy) + TAKE(dr) + TAKE(past), straight = dh * keep;
      f4 dn = (dh - straight) * (ONE - new * new);
      f4 dreset = dn * kept * (reset * (ONE - reset)), dkeep = dh * (TAKE(before) - new) * (keep * (ONE - keep));
      PUT(back, straight)
      PUT(dzx, dreset)
      PUT(dzh, dreset)
      PUT(dzx + n, dkeep)
      PUT(dzh + n, dkeep)
      PUT(dzx + 2 * n, dn)
      PUT(dzh + 2 * n, dn * reset)
    }
  }
}
