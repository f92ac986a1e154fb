// Transposed matrices: out[r·out_row + c] = x[r + c·x_column] for r < rows, c < columns, along three outer axes.
// Squares of 32×32 words pass through workgroup memory, so that both reads and writes are contiguous; a 33rd column puts
// words that are read together into different banks.

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, x: u32, rows: u32, columns: u32, out_row: u32, x_column: u32, squares: u32,
  n0: u32, n1: u32, n2: u32, o0: u32, o1: u32, o2: u32, x0: u32, x1: u32, x2: u32,
}

const SIDE = 32u;
var<workgroup> square: array<u32, 1056>; // 32·33

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let number = group.y * groups.x + group.x;
  if (number >= p.squares) { return; }
  let across = (p.columns + SIDE - 1u) / SIDE;
  let down = (p.rows + SIDE - 1u) / SIDE;
  let first_c = number % across * SIDE; var rest = number / across;
  let first_r = rest % down * SIDE; rest /= down;
  let i2 = rest % p.n2; rest /= p.n2;
  let i1 = rest % p.n1; let i0 = rest / p.n1;
  let x = p.x + i0 * p.x0 + i1 * p.x1 + i2 * p.x2;
  let out = p.out + i0 * p.o0 + i1 * p.o1 + i2 * p.o2;
  let near = lane % SIDE; // along the contiguous axis
  let far = lane / SIDE;
  for (var i = far; i < SIDE; i += 8u) {
    let r = first_r + near;
    let c = first_c + i;
    if (r < p.rows && c < p.columns) { square[i * (SIDE + 1u) + near] = heap[x + r + c * p.x_column]; }
  }
  workgroupBarrier();
  for (var i = far; i < SIDE; i += 8u) {
    let r = first_r + i;
    let c = first_c + near;
    if (r < p.rows && c < p.columns) { heap[out + r * p.out_row + c] = square[near * (SIDE + 1u) + i]; }
  }
}
