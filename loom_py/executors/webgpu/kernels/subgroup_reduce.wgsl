enable subgroups; // The functions of workgroup_reduce.wgsl for devices with subgroups.
//
// Lanes of a subgroup exchange values pair by pair; results of several subgroups are combined in workgroup memory, at the
// cost of two barriers. Every lane adds the same numbers in the same order and so gets the same sum.
//
// Requires that lane i of a workgroup is lane i % size of its subgroup, which WGSL does not guarantee:
// workgroup_reduce_check.wgsl tests it.

struct Place {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_size) size: u32, // 4 to 128, a power of two
}

fn number_of(place: Place) -> u32 { return place.group.y * place.groups.x + place.group.x; }

// Lanes from `step` to below `within` apart combine in their subgroup, then `across` such results, `stride` lanes apart, in
// workgroup memory.
struct LaneGroup { step: u32, within: u32, stride: u32, across: u32 }

fn lane_group(place: Place, along: u32, step: u32) -> LaneGroup {
  let within = min(place.size, along * step);
  let stride = max(within, step);
  return LaneGroup(step, within, stride, along * step / stride);
}

// Lane of the first subgroup result of this lane's group. Results are added in two halves, which rounds less.
fn first_of(lane: u32, t: LaneGroup) -> u32 { return lane / (t.across * t.stride) * t.across * t.stride + lane % t.stride; }

var<workgroup> floats: array<f32, 256>;
var<workgroup> floats2: array<vec2f, 256>;
var<workgroup> floats3: array<vec3f, 256>;
var<workgroup> words: array<u32, 256>;
var<workgroup> words2: array<vec2u, 256>;

fn sum(value: f32, lane: u32, t: LaneGroup) -> f32 {
  var s = value;
  for (var far = t.step; far < t.within; far *= 2u) { s += subgroupShuffleXor(s, far); }
  if (t.across == 1u) { return s; }
  workgroupBarrier(); // until what was there has been read
  floats[lane] = s;
  workgroupBarrier();
  let first = first_of(lane, t);
  let half = t.across / 2u * t.stride;
  s = f32();
  var other = s;
  for (var at = first; at < first + half; at += t.stride) { s += floats[at]; other += floats[at + half]; }
  return s + other;
}

fn sum2(value: vec2f, lane: u32, t: LaneGroup) -> vec2f {
  var s = value;
  for (var far = t.step; far < t.within; far *= 2u) { s += subgroupShuffleXor(s, far); }
  if (t.across == 1u) { return s; }
  workgroupBarrier(); // until what was there has been read
  floats2[lane] = s;
  workgroupBarrier();
  let first = first_of(lane, t);
  let half = t.across / 2u * t.stride;
  s = vec2f();
  var other = s;
  for (var at = first; at < first + half; at += t.stride) { s += floats2[at]; other += floats2[at + half]; }
  return s + other;
}

fn sum3(value: vec3f, lane: u32, t: LaneGroup) -> vec3f {
  var s = value;
  for (var far = t.step; far < t.within; far *= 2u) { s += subgroupShuffleXor(s, far); }
  if (t.across == 1u) { return s; }
  workgroupBarrier(); // until what was there has been read
  floats3[lane] = s;
  workgroupBarrier();
  let first = first_of(lane, t);
  let half = t.across / 2u * t.stride;
  s = vec3f();
  var other = s;
  for (var at = first; at < first + half; at += t.stride) { s += floats3[at]; other += floats3[at + half]; }
  return s + other;
}

fn count(value: u32, lane: u32, t: LaneGroup) -> u32 {
  var s = value;
  for (var far = t.step; far < t.within; far *= 2u) { s += subgroupShuffleXor(s, far); }
  if (t.across == 1u) { return s; }
  workgroupBarrier(); // until what was there has been read
  words[lane] = s;
  workgroupBarrier();
  let first = first_of(lane, t);
  let half = t.across / 2u * t.stride;
  s = u32();
  var other = s;
  for (var at = first; at < first + half; at += t.stride) { s += words[at]; other += words[at + half]; }
  return s + other;
}

fn maximum(value: u32, lane: u32, t: LaneGroup) -> u32 {
  var s = value;
  for (var far = t.step; far < t.within; far *= 2u) { s = max(s, subgroupShuffleXor(s, far)); }
  if (t.across == 1u) { return s; }
  workgroupBarrier(); // until what was there has been read
  words[lane] = s;
  workgroupBarrier();
  let first = first_of(lane, t);
  let half = t.across / 2u * t.stride;
  s = u32();
  var other = s;
  for (var at = first; at < first + half; at += t.stride) { s = max(s, words[at]); other = max(other, words[at + half]); }
  return max(s, other);
}

fn maximum2(value: vec2u, lane: u32, t: LaneGroup) -> vec2u {
  var s = value;
  for (var far = t.step; far < t.within; far *= 2u) { s = max(s, subgroupShuffleXor(s, far)); }
  if (t.across == 1u) { return s; }
  workgroupBarrier(); // until what was there has been read
  words2[lane] = s;
  workgroupBarrier();
  let first = first_of(lane, t);
  let half = t.across / 2u * t.stride;
  s = vec2u();
  var other = s;
  for (var at = first; at < first + half; at += t.stride) { s = max(s, words2[at]); other = max(other, words2[at + half]); }
  return max(s, other);
}
