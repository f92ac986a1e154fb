// dx = rstd · (dn - mean(dn) - n · mean(dn·n)) over axes, or only the two sums where several workgroups share a result.
// Tiles as in reduction_tile.wgsl.
// with workgroup_reduce
// with reduction_tile

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32, dnormal: u32, normal: u32, rstd: u32,
  results: u32, elements: u32, along: u32, part: u32, tiles: u32, groups: u32,
  k1: u32, sk0: u32, sk1: u32, r1: u32, sr0: u32, sr1: u32,
}

override stage: u32;   // 0 sums of dn and of dn·n (parts, 2, results), 2 the gradient
override centre: bool; // else mean(dn) counts as 0

fn both(at: u32) -> vec2f {
  let d = bitcast<f32>(heap[p.dnormal + at]);
  return vec2f(d, d * bitcast<f32>(heap[p.normal + at]));
}

@compute @workgroup_size(LANES)
fn main(place: Place, @builtin(local_invocation_index) lane: u32) {
  let id = number_of(place);
  if (id >= p.groups) { return; }
  let lanes = lane_group(place, p.along, lane_step());
  let share = share_of(id, lane);
  let mine = share.mine;
  let result = share.result;
  let part = share.part;
  let last = share.last;
  let begin = share.begin;
  let start = part * p.part + mine;
  let step = p.along;

  var sums = vec2f(0.0);
  var e = start;
  for (; e + step < last; e += 2u * step) { sums += both(begin + element(e)) + both(begin + element(e + step)); }
  if (e < last) { sums += both(begin + element(e)); }
  sums = sum2(sums, lane, lanes);
  if (!centre) { sums.x = 0.0; }

  if (stage == 0u) {
    if (mine == 0u && result < p.results) {
      heap[p.out + 2u * part * p.results + result] = bitcast<u32>(sums.x);
      heap[p.out + (2u * part + 1u) * p.results + result] = bitcast<u32>(sums.y);
    }
    return;
  }
  if (result >= p.results) { return; }
  let means = sums / f32(p.elements);
  let rstd = bitcast<f32>(heap[p.rstd + result]);
  for (e = start; e < last; e += step) {
    let at = begin + element(e);
    let dx = rstd * (bitcast<f32>(heap[p.dnormal + at]) - means.x - bitcast<f32>(heap[p.normal + at]) * means.y);
    heap[p.out + at] = bitcast<u32>(dx);
  }
}
