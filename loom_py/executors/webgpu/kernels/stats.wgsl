// A row of statistics. Each lane takes some values of one unit (of all, where there are no units); lanes merge in a tree
// of fixed order. Workgroups have tiles of units and parts of their values, as in reduce.wgsl; several of them leave
// partial statistics to stats_merge.wgsl. NaN and infinities are recognised by their bits, counted and left out; the
// variance is computed from deviations.
// with running_stats
// with reduction_tile

@group(0) @binding(0) var<storage, read_write> heap: array<u32>;
@group(0) @binding(1) var<uniform> p: Parameters;

struct Parameters {
  out: u32,   // the row, or with several workgroups their partial statistics
  x: u32,
  zeros: u32, // with several parts: a flag for each part and unit, 1 where all values are 0
  size: u32, units: u32,
  results: u32, elements: u32, along: u32, part: u32, tiles: u32, groups: u32,
  k1: u32, sk0: u32, sk1: u32, r1: u32, sr0: u32, sr1: u32,
}

// Origin of the means: the array's first value, 0 where it is not finite.
fn origin() -> u32 {
  if (p.size == 0u) { return 0u; }
  let bits = heap[p.x];
  return select(0u, bits, (bits & 0x7fffffffu) < 0x7f800000u);
}

// Biased exponent that scales the largest of edges and origin to between 1 and 2, within the range of powers of two.
fn scale_of(edges: vec2u, start: u32) -> u32 {
  let largest = max(max(from_key(~edges.x) & 0x7fffffffu, from_key(edges.y) & 0x7fffffffu), start & 0x7fffffffu);
  return clamp(254u - (largest >> 23u), 1u, 253u);
}

// Statistics of every `step`th value of one unit, from `first` to before `last`.
fn stats_of(unit: u32, first: u32, last: u32, step: u32) -> RunningStats {
  var s = no_values();
  // Scaled sums that can't overflow: of values from 1 on, and of smaller ones.
  var sums = vec2f(0.0);
  for (var e = first; e < last; e += step) {
    let bits = heap[unit + element(e)];
    let size = bits & 0x7fffffffu;
    if (size >= 0x7f800000u) {
      let infinite = size == 0x7f800000u;
      let negative = bits >= 0x80000000u;
      s.counts += select(vec4u(0u), vec4u(1u), vec4<bool>(!infinite, infinite && !negative, infinite && negative, false));
    } else {
      s.n += 1u;
      s.counts.w += select(0u, 1u, size == 0u);
      s.edges = max(s.edges, vec2u(~key(bits), key(bits)));
      let v = bitcast<f32>(bits);
      if (size >= 0x3f800000u) { sums.x += v * 0x1p-32f; } else { sums.y += v * 0x1p32f; }
    }
  }
  if (s.n == 0u) { return s; }
  let start = origin();
  s.origin = bitcast<f32>(start);
  s.scale = scale_of(s.edges, start);
  let n = f32(s.n);
  let factor = power(s.scale);
  let zero = s.origin * factor;
  let centre = (sums.x / n) * factor * 0x1p32f + (sums.y / n) * factor * 0x1p-32f - zero;
  var deviations = vec2f(0.0);
  for (var e = first; e < last; e += step) {
    let bits = heap[unit + element(e)];
    if ((bits & 0x7fffffffu) < 0x7f800000u) {
      let d = bitcast<f32>(bits) * factor - zero - centre;
      deviations += vec2f(d, d * d);
    }
  }
  let shift = deviations.x / n;
  s.moments = vec2f(centre + shift, max(deviations.y - deviations.x * shift, 0.0));
  return s;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let id = group.y * groups.x + group.x;
  if (id >= p.groups) { return; }
  let across = LANES / p.along;
  let share = share_of(id, lane);
  let slot = share.mine * across + share.column;
  let first = id % p.tiles * across;
  let part = share.part;
  let begin = part * p.part;
  partials[slot] = stats_of(p.x + share.begin, begin + share.mine, share.last, p.along);

  reduce_stats(slot, LANES, across);
  if (slot < across && first + slot < p.units) {
    let dead = u32(partials[slot].counts.w == min(begin + p.part, p.elements) - begin);
    if (p.part < p.elements) { heap[p.zeros + part * p.units + first + slot] = dead; } else { partials[slot].dead = dead; }
  }
  reduce_stats(slot, across, 1u);
  if (lane != 0u) { return; }
  if (p.groups > 1u) {
    write_stats(p.out + id * STATS_WORDS, partials[0]);
  } else {
    write_row(p.out, partials[0], p.size, p.units > 0u);
  }
}
