// What elementwise.c does to contiguous values, for others that do it too.
#pragma once
#include "loom.h"

// out = f(x), and out = dy · f' with what was saved of f; functions are numbered as ACTIVATIONS in step_codes.py.
void map_function(W which, float *out, const float *x, W n);
void map_gradient(W which, float *out, const float *dy, const float *saved, W n);

// Rows of an operand: from one element to the next 1, or 0 where a value is repeated, and from one row to the next.
typedef struct {
  const float *at;
  W stride, next;
} Row;

// A binary operation on rows of n; those of out lie one after the other.
void rows_add(float *out, Row x, Row y, W n, W rows);
void rows_subtract(float *out, Row x, Row y, W n, W rows);
void rows_multiply(float *out, Row x, Row y, W n, W rows);
void rows_divide(float *out, Row x, Row y, W n, W rows);
