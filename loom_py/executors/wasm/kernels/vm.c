// The virtual machine: runs packed instructions one after the other. An instruction is [opcode, length, arguments …].
#include "loom.h"
#include "opcodes.h"

#define VISIBLE __attribute__((visibility("default")))

#if defined(__wasm__)
// Milliseconds; from Emscripten's main module.
__attribute__((import_module("env"), import_name("emscripten_get_now"))) double emscripten_get_now(void);
#else
#include <time.h>
static double emscripten_get_now(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}
#endif

#define DECLARE(name) void op_##name(const W *a);
FOR_EACH_KERNEL(DECLARE)

// Changes with the list of opcodes; the packer compares it with its own.
VISIBLE int32_t loom_signature(void) { return SIGNATURE; }

// Runs the words from `begin` to `end`. With `times`, the milliseconds of span k are added to times[k + 1]; times[0] is
// when the last span ended.
VISIBLE void loom_run(const W *code, W begin, W end, double *times) {
  if (times) times[0] = emscripten_get_now();
  for (const W *at = code + begin; at < code + end; at += at[1]) {
    const W *a = at + 2;
    switch (at[0]) {
      case OP_span:
        if (times) {
          double now = emscripten_get_now();
          times[a[0] + 1] += now - times[0];
          times[0] = now;
        }
        break;
#define RUN(name) case OP_##name: op_##name(a); break;
      FOR_EACH_KERNEL(RUN)
    }
  }
}
