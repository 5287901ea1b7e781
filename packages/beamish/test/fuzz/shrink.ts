/** Attempts at most; an input that is not smallest is still an input. */
const ATTEMPTS = 2000;

/** A smaller input of which `fails` is still true: parts taken out, from half of it down to single bytes, then bytes made 0. */
export async function shrink(
  input: Uint8Array,
  fails: (candidate: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let smallest = Uint8Array.from(input);
  let attempts = 0;
  const tired = (): boolean => attempts >= ATTEMPTS;
  const better = async (candidate: Uint8Array<ArrayBuffer>): Promise<boolean> => {
    attempts += 1;
    if (!(await fails(candidate))) return false;
    smallest = candidate;
    return true;
  };
  for (let size = smallest.length >> 1; size > 0 && !tired(); size >>= 1) {
    for (let at = 0; at + size <= smallest.length && !tired();) {
      if (!(await better(without(smallest, at, size)))) at += size;
    }
  }
  for (let at = 0; at < smallest.length && !tired(); at++) {
    if (smallest[at] !== 0) await better(smallest.with(at, 0));
  }
  return smallest;
}

function without(bytes: Uint8Array, at: number, size: number): Uint8Array<ArrayBuffer> {
  const rest = new Uint8Array(bytes.length - size);
  rest.set(bytes.subarray(0, at));
  rest.set(bytes.subarray(at + size), at);
  return rest;
}
