// A chain of elementwise operations, block by block, so that results stay in the fastest cache from step to step. Limits
// and codes are those of ops/chain.py and executors/step_codes.py.
#include "elementwise.h"

enum { PIECE = 1024, MOST_INPUTS = 7, STEP_WORDS = 3, INPUT_WORDS = 6, PREVIOUS = -1 };
enum { ACTIVATIONS_FROM = 4, GRADIENTS_FROM = 32 };

// One step; operands of activations and gradients do not broadcast.
static void step(W code, float *out, Row x, Row y, W n, W rows) {
  switch (code) {
    case 0: rows_add(out, x, y, n, rows); break;
    case 1: rows_subtract(out, x, y, n, rows); break;
    case 2: rows_multiply(out, x, y, n, rows); break;
    case 3: rows_divide(out, x, y, n, rows); break;
    default:
      if (code < GRADIENTS_FROM) map_function(code - ACTIVATIONS_FROM, out, x.at, n * rows);
      else map_gradient(code - GRADIENTS_FROM, out, x.at, y.at, n * rows);
  }
}

INLINE W least(W a, W b) { return a < b ? a : b; }

// out scratch steps inputs · five extents · address and strides of each input · code, left and right of each step
void op_chain(const W *a) {
  float *out = OUT(0), *scratch = OUT(1);
  const W steps = a[2], inputs = a[3], *n = a + 4, *given = a + 9, *program = given + INPUT_WORDS * inputs;
  const W high = n[4] < PIECE ? PIECE / n[4] : 1;  // a block is some short rows, or part of a long one
  Row operands[MOST_INPUTS + 1], *operand = operands + 1;  // operand[PREVIOUS] is the result of the step before
  for (W i = 0; i < n[0]; i++)
    for (W j = 0; j < n[1]; j++)
      for (W k = 0; k < n[2]; k++)
        for (W l = 0; l < n[3]; l += high)
          for (W m = 0; m < n[4]; m += PIECE) {
            W rows = least(n[3] - l, high), count = least(n[4] - m, PIECE);
            operand[PREVIOUS] = (Row){scratch, 1, count};
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
