// Which samples stand for their surroundings, spread over the map at every distance from which one may look.
//
// Each chosen sample has its room: how far away on the map, across or up, the nearest sample is that was chosen before
// it. Its picture is shown where its room is wide enough for a picture. So pictures never overlap, coming closer only
// adds some, and moving changes none; the window's size plays no part. Chosen are, from coarse to fine squares of the
// map, the samples where their square is densest.

const FINEST = 1024; // squares a side of the map
const BLUR_SIDE = 128; // density is smoothed over about a hundredth of the map
const ORDERED_SIDE = 64; // up to here the densest squares choose first; finer ones are too alike to care
const GAINS = [0, 1, 4, 4, 16, 1e9]; // how much a square's density counts when its best sample has this merit
const BEST = GAINS.length - 1;

class Spread {
  // `places` x and y of each row, `merits` from 0 for a row that may not be chosen to BEST for one that should be, and the
  // square that holds the map.
  constructor(places, merits, { left, low, side }) {
    Object.assign(this, { places, merits, left, low, side: side * 1.0001 });
    const wanted = 2 ** Math.ceil(Math.log2(8 * Math.sqrt(merits.length)));
    this.finest = Math.min(Math.max(wanted, BLUR_SIDE), FINEST);
    this.rooms = new Float32Array(merits.length);
    this.grids = [];
    this.choose(this.pyramid(...this.sort()));
  }

  square(row, side) {
    const x = Math.floor(((this.places[2 * row] - this.left) / this.side) * side);
    const y = Math.floor(((this.places[2 * row + 1] - this.low) / this.side) * side);
    return x >= 0 && y >= 0 && x < side && y < side ? y * side + x : -1;
  }

  // The finest squares that hold somebody, with the best row and the weight of each.
  sort() {
    const side = this.finest;
    const { merits } = this;
    const best = new Int32Array(side * side).fill(-1);
    const squares = [];
    const weights = new Float32Array(side * side);
    for (let row = 0; row < merits.length; row++) {
      if (!merits[row]) continue;
      const square = this.square(row, side);
      if (square < 0) continue;
      if (!weights[square]) squares.push(square);
      if (!weights[square]++ || merits[row] > merits[best[square]]) best[square] = row;
    }
    const counts = new Float32Array(BLUR_SIDE * BLUR_SIDE);
    for (const square of squares) counts[above(square, side, BLUR_SIDE)] += weights[square];
    const density = smoothed(counts, BLUR_SIDE);
    for (const square of squares) {
      weights[square] = (density[above(square, side, BLUR_SIDE)] + 0.01 * weights[square]) * GAINS[merits[best[square]]];
    }
    return [squares, best, weights];
  }

  // From fine to coarse: each square is spoken for by the weightiest of its four quarters.
  pyramid(squares, best, weights) {
    const levels = [];
    for (let side = this.finest; side >= 2; side /= 2) {
      levels.unshift({ side, squares, rows: best, weights });
      const half = side / 2;
      const [rows, heaviest] = [new Int32Array(half * half).fill(-1), new Float32Array(half * half)];
      const larger = [];
      for (const square of squares) {
        const whole = above(square, side, half);
        if (rows[whole] < 0) larger.push(whole);
        if (weights[square] <= heaviest[whole]) continue;
        rows[whole] = best[square];
        heaviest[whole] = weights[square];
      }
      [squares, best, weights] = [larger, rows, heaviest];
    }
    return levels;
  }

  // From coarse to fine: who has at least the room of a square of its level is chosen.
  choose(levels) {
    const chosen = [];
    for (const { side, squares: all, rows, weights } of levels) {
      const grid = new Int32Array(side * side).fill(-1);
      for (const row of chosen) grid[this.square(row, side)] = row;
      const squares = all.filter((square) => !this.rooms[rows[square]]);
      if (side <= ORDERED_SIDE) squares.sort((one, other) => weights[other] - weights[one] || one - other);
      for (const square of squares) {
        const row = rows[square];
        const room = this.roomAround(row, grid, square, side);
        if (room < this.side / side) continue;
        this.rooms[row] = room;
        grid[square] = row;
        chosen.push(row);
      }
      this.grids.push(grid);
    }
  }

  // Distance to the nearest chosen sample, at most two squares: whoever is nearer stands in one of 25.
  roomAround(row, grid, square, side) {
    const [x, y] = [square % side, Math.floor(square / side)];
    let room = (2 * this.side) / side;
    for (let otherY = Math.max(y - 2, 0); otherY <= Math.min(y + 2, side - 1); otherY++) {
      for (let otherX = Math.max(x - 2, 0); otherX <= Math.min(x + 2, side - 1); otherX++) {
        const other = grid[otherY * side + otherX];
        if (other >= 0) room = Math.min(room, this.distance(row, other));
      }
    }
    return room;
  }

  distance(row, other) {
    const { places } = this;
    return Math.max(
      Math.abs(places[2 * row] - places[2 * other]),
      Math.abs(places[2 * row + 1] - places[2 * other + 1]),
    );
  }

  // The chosen rows inside a rectangle of the map whose room is at least so large.
  within([left, low, right, high], room) {
    const finest = this.grids.length;
    const level = Math.min(Math.max(Math.floor(Math.log2((2 * this.side) / room)), 1), finest);
    const [grid, side] = [this.grids[level - 1], 2 ** level];
    const clip = (value, from) => Math.min(Math.max(Math.floor(((value - from) / this.side) * side), 0), side - 1);
    const found = [];
    for (let y = clip(low, this.low); y <= clip(high, this.low); y++) {
      for (let x = clip(left, this.left); x <= clip(right, this.left); x++) {
        const row = grid[y * side + x];
        if (row >= 0 && this.rooms[row] >= room) found.push(row);
      }
    }
    return found;
  }

  // Rooms of some rows that were not chosen, among these: who is drawn first by lot keeps its distance from the rest.
  roomsOfOthers(rows) {
    const rank = (row) => (this.rooms[row] ? -1 : Math.imul(row + 1, 0x9e3779b1) >>> 0);
    const ranks = rows.map(rank);
    const rooms = new Map();
    rows.forEach((row, place) => {
      if (ranks[place] < 0) return;
      let room = Infinity;
      for (let other = 0; other < rows.length; other++) {
        if (ranks[other] < ranks[place]) room = Math.min(room, this.distance(row, rows[other]));
      }
      rooms.set(row, room);
    });
    return rooms;
  }
}

// The square of a coarser map, `wanted` a side, that holds a square of one with `side`; both are powers of two.
function above(square, side, wanted) {
  const shift = Math.log2(side / wanted);
  return ((square >> Math.log2(side)) >> shift) * wanted + ((square & (side - 1)) >> shift);
}

// Smoothed by 1 4 6 4 1 across and up.
function smoothed(values, side) {
  let from = values;
  for (const step of [1, side]) {
    const to = new Float32Array(from.length);
    for (let place = 0; place < from.length; place++) {
      const along = step === 1 ? place % side : Math.floor(place / side);
      let sum = 6 * from[place];
      if (along > 0) sum += 4 * from[place - step];
      if (along > 1) sum += from[place - 2 * step];
      if (along < side - 1) sum += 4 * from[place + step];
      if (along < side - 2) sum += from[place + 2 * step];
      to[place] = sum / 16;
    }
    from = to;
  }
  return from;
}
