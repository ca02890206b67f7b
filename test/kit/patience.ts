/** Waiting for a time of which the machine may stand still for a part. */

/** The longest time that one turn of the event loop may use up of a client's patience, milliseconds. */
const TURN = 50;

/**
 * Calls back after that time, of which a turn counts for no more than TURN: a machine that stood still for seconds has not
 * left the reply out, and timers come before sockets when it goes on.
 * @returns stops it
 */
export function afterTurns(milliseconds: number, give: () => void): () => void {
  let left = milliseconds;
  const turn = () => {
    if (left <= 0) return give();
    const part = Math.min(left, TURN);
    left -= part;
    timer = setTimeout(turn, part);
  };
  let timer = setTimeout(turn, 0);
  return () => clearTimeout(timer);
}
