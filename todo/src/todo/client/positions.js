/** Positions in the manual order: the digits of a fraction between 0 and 1, until the server says its own. */

/**
 * @param {string | null} low null for the start
 * @param {string | null} high null for the end
 * @returns {string} a text between the two
 */
export function positionBetween(low, high) {
  const from = low ?? "";
  let digits = "";
  let isBelow = high !== null;
  for (let place = 0; ; place += 1) {
    const least = Number(from[place] ?? 0);
    const most = isBelow ? Number(/** @type {string} */ (high)[place] ?? 0) : 10;
    const middle = Math.floor((least + most) / 2);
    if (middle > least) return digits + middle;
    digits += least;
    if (least < most) isBelow = false;
  }
}
