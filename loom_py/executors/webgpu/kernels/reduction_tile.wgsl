// Tiles of reductions, as lower/reduction_tiling.py has them: a workgroup has a tile of results and one part of their
// elements. A part: kernels include it by `with reduction_tile`, and have the words of a `Tiling` among their parameters.

override LANES: u32 = 256u; // size of a workgroup: a power of two up to 256
override rows: bool; // whether neighbours in memory are elements of one result, or of different results

// Words from a result's first element to element e.
fn element(e: u32) -> u32 {
  var at = e * p.sr1;
  if (p.r1 < p.elements) { at = (e / p.r1) * p.sr0 + (e % p.r1) * p.sr1; }
  return at;
}

// A lane's share of its workgroup's tile.
struct Share {
  mine: u32,   // number among the lanes of its result
  column: u32, // number of its result in the tile
  result: u32, part: u32,
  last: u32,   // end of the part's elements; 0 for lanes without a result
  begin: u32,  // words from x to the result's first element
}

fn share_of(workgroup: u32, lane: u32) -> Share {
  let across = LANES / p.along;
  let mine = select(lane / across, lane % p.along, rows);
  let column = select(lane % across, lane / p.along, rows);
  let result = (workgroup % p.tiles) * across + column;
  let part = workgroup / p.tiles;
  let last = select(0u, min((part + 1u) * p.part, p.elements), result < p.results);
  return Share(mine, column, result, part, last, (result / p.k1) * p.sk0 + (result % p.k1) * p.sk1);
}

// Step between the lanes that share a result.
fn lane_step() -> u32 { return select(LANES / p.along, 1u, rows); }
