// Arithmetic on single numbers: each invocation works through a list of operations, in order. Dependent operations are in
// one list, so that no list waits for another.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  lists: u32,  // number of lists
  starts: u32, // word with the first row of each list, and the end
  rows: u32,   // word of the rows: operation, out, a, b
}

fn whether(yes: bool) -> u32 { return select(0u, 0x3f800000u, yes); }

fn finite(bits: u32) -> bool { return (bits & 0x7fffffffu) < 0x7f800000u; }

fn done(operation: u32, a: u32, b: u32, before: u32) -> u32 {
  let x = bitcast<f32>(a);
  let y = bitcast<f32>(b);
  switch operation {
    case 0u: { return bitcast<u32>(x + y); }
    case 1u: { return bitcast<u32>(x - y); }
    case 2u: { return bitcast<u32>(x * y); }
    case 3u: { return bitcast<u32>(x / y); }
    case 4u: { return whether(finite(a) && finite(b)); }             // finite_guard: loss and norms …
    case 7u: { return whether(before == 0x3f800000u && finite(a) && x <= y); } // … and the limit of one
    case 5u: { return select(a, before, (b & 0x7fffffffu) != 0u); }  // restore_unless
    default: { return a; }                                           // copy, store
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let list = group.x * 64u + lane;
  if (list >= p.lists) { return; }
  for (var row = heap[p.starts + list]; row < heap[p.starts + list + 1u]; row++) {
    let at = p.rows + 4u * row;
    let out = heap[at + 1u];
    heap[out] = done(heap[at], heap[heap[at + 2u]], heap[heap[at + 3u]], heap[out]);
  }
}
