// out = f(x), or with `gradient` out = x · f'(saved).
// with functions

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { size: u32, out: u32, x: u32, saved: u32, eps: f32 }

override which: u32;     // the function's number
override gradient: bool; // of the first nine; `saved` is the output, or for GELU and SILU the input

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= p.size) { return; }
  if (gradient) {
    heap[p.out + i] = backward(which, heap[p.x + i], heap[p.saved + i]);
  } else {
    heap[p.out + i] = forward(which, heap[p.x + i], p.eps);
  }
}
