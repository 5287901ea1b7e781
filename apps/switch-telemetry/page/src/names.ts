/** A name for everybody who looks, so that nobody has to log in to see who else is here. */

const FIRST = [
  'Amber',
  'Brisk',
  'Calm',
  'Clever',
  'Coral',
  'Gentle',
  'Golden',
  'Hazel',
  'Ivory',
  'Keen',
  'Lively',
  'Mellow',
  'Misty',
  'Nimble',
  'Quiet',
  'Ruby',
  'Sandy',
  'Silver',
  'Steady',
  'Swift',
];
const SECOND = [
  'Badger',
  'Crane',
  'Dolphin',
  'Falcon',
  'Fox',
  'Heron',
  'Ibex',
  'Jay',
  'Kestrel',
  'Lynx',
  'Marten',
  'Newt',
  'Osprey',
  'Otter',
  'Puffin',
  'Raven',
  'Robin',
  'Seal',
  'Stoat',
  'Wren',
];

function pick(list: readonly string[]): string {
  return list[Math.floor(Math.random() * list.length)] ?? '';
}

function stored(key: string, make: () => string): string {
  try {
    const known = localStorage.getItem(key);
    if (known) return known;
    const made = make();
    localStorage.setItem(key, made);
    return made;
  } catch {
    return make();
  }
}

/** Of this browser: several tabs are one visitor. */
export const me = {
  key: stored('visitor', () =>
    Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => byte.toString(36)).join(''),
  ),
  name: stored('visitor-name', () => `${pick(FIRST)} ${pick(SECOND)}`),
};

export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  return words
    .slice(0, 2)
    .map((word) => word[0]?.toUpperCase() ?? '')
    .join('');
}

/** A steady number for a text, to choose its colour by. */
export function hashOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash;
}
