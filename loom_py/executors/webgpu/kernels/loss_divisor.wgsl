// What losses over labels are divided by: the rows that count, at least 1, or the sum of their classes' weights; NaN
// when a label is no class. One workgroup.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters { out: u32, labels: u32, weights: u32, rows: u32, classes: u32, ignored: i32 }

override weighted: bool;
override ignores: bool; // whether rows of one label do not count

var<workgroup> work: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var nan_bits = 0x7fc00000u; // a variable, since WGSL has no constant that is NaN
  var sum = 0.0;
  for (var row = lane; row < p.rows; row += 256u) {
    let label = bitcast<i32>(heap[p.labels + row]);
    if (ignores && label == p.ignored) { continue; }
    var weight = 1.0;
    if (label < 0 || label >= i32(p.classes)) {
      weight = bitcast<f32>(nan_bits);
    } else if (weighted) {
      weight = bitcast<f32>(heap[p.weights + u32(label)]);
    }
    sum += weight;
  }
  work[lane] = sum;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { work[lane] += work[lane + half]; }
  }
  if (lane != 0u) { return; }
  sum = work[0];
  if (!weighted && bitcast<u32>(sum) == 0u) { sum = 1.0; }
  heap[p.out] = bitcast<u32>(sum);
}
