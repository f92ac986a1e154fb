// Several elementwise operations, block by block: what a step leaves is still in the fastest cache when the next reads it.
#include "elementwise.h"

enum { PIECE = 1024, MOST = 7, STEP_WORDS = 3, INPUT_WORDS = 6, SO_FAR = -1 };

// One step: kind 0 … 3 is arithmetic, from 4 on a function, from 32 on a gradient; these have whole operands.
static void step(W kind, float *out, Row x, Row y, W n, W rows) {
  switch (kind) {
    case 0: rows_add(out, x, y, n, rows); break;
    case 1: rows_subtract(out, x, y, n, rows); break;
    case 2: rows_multiply(out, x, y, n, rows); break;
    case 3: rows_divide(out, x, y, n, rows); break;
    default:
      if (kind < 32) map_function(kind - 4, out, x.at, n * rows);
      else map_gradient(kind - 32, out, x.at, y.at, n * rows);
  }
}

INLINE W least(W a, W b) { return a < b ? a : b; }

// out scratch steps inputs · five extents · of each input where it lies and its strides · of each step kind left right
void op_chain(const W *a) {
  float *out = OUT(0), *scratch = OUT(1);
  const W steps = a[2], inputs = a[3], *n = a + 4, *given = a + 9, *program = given + INPUT_WORDS * inputs;
  const W high = n[4] < PIECE ? PIECE / n[4] : 1;  // a block is some short rows, or part of a long one
  Row operands[MOST + 1], *operand = operands + 1;  // operand[SO_FAR] is what the step before left
  for (W i = 0; i < n[0]; i++)
    for (W j = 0; j < n[1]; j++)
      for (W k = 0; k < n[2]; k++)
        for (W l = 0; l < n[3]; l += high)
          for (W m = 0; m < n[4]; m += PIECE) {
            W rows = least(n[3] - l, high), count = least(n[4] - m, PIECE);
            operand[SO_FAR] = (Row){scratch, 1, count};
            for (W g = 0; g < inputs; g++) {
              const W *in = given + INPUT_WORDS * g;
              W at = i * in[1] + j * in[2] + k * in[3] + l * in[4] + m * in[5];
              operand[g] = (Row){(const float *)in[0] + at, in[5], in[4]};
            }
            for (W s = 0; s < steps; s++) {
              const W *p = program + STEP_WORDS * s;
              step(p[0], s + 1 == steps ? out : scratch, operand[p[1]], operand[p[2]], count, rows);
            }
            out += rows * count;
          }
}
