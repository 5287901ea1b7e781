/**
 * Where everything stands in the picture of the cluster. Every collector is a tray with one slot for every device there is;
 * a device lies in its slot of its owner's tray, so that when ownership moves it flies to the same place in another tray
 * and nothing else stirs. Pure: the same cluster is the same picture.
 */

export interface Tray {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Not connected any more, but still named as an owner. */
  readonly gone: boolean;
  readonly owned: number;
}

export interface Capsule {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Tile {
  readonly id: string;
  readonly owner: string | null;
  /** Centre. */
  readonly x: number;
  readonly y: number;
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly tile: number;
  readonly trays: readonly Tray[];
  readonly capsules: readonly Capsule[];
  readonly tiles: readonly Tile[];
  /** Free places, centres. */
  readonly slots: readonly { readonly key: string; readonly x: number; readonly y: number }[];
}

export interface ClusterInput {
  readonly width: number;
  /** Connected nodes that hold the role collector, in order. */
  readonly collectors: readonly string[];
  /** Collectors that went a moment ago; they keep their tray, though it be empty. */
  readonly departed?: readonly string[];
  /** The other connected nodes, in order. */
  readonly others: readonly string[];
  readonly devices: readonly { readonly id: string; readonly owner: string | null }[];
}

const GAP = 20;
const PAD = 18;
const HEAD = 54;
const CAPSULE = 56;
const LINKS = 72;
/** The tray of devices that nobody polls. */
export const NOBODY = '';

export function layoutCluster({ width, collectors, departed = [], others, devices }: ClusterInput): Picture {
  const owners = new Set(devices.map(({ owner }) => owner ?? NOBODY));
  const gone = new Set([...owners, ...departed].filter((name) => name !== NOBODY && !collectors.includes(name)));
  const names = [...collectors, ...gone].sort();
  if (owners.has(NOBODY)) names.push(NOBODY);

  const perRow = Math.max(1, Math.min(names.length, Math.floor((width + GAP) / (300 + GAP))));
  const trayWidth = (width - GAP * (perRow - 1)) / perRow;
  const tile = tileSize(trayWidth - 2 * PAD, devices.length);
  const columns = Math.max(1, Math.floor((trayWidth - 2 * PAD) / tile));
  const rows = Math.max(1, Math.ceil(devices.length / columns));
  const trayHeight = HEAD + rows * tile + PAD;
  // The slots stand in the middle of what a whole number of columns leaves.
  const inset = (trayWidth - columns * tile) / 2;

  const trays = names.map((name, index): Tray => ({
    name,
    x: (index % perRow) * (trayWidth + GAP),
    y: Math.floor(index / perRow) * (trayHeight + GAP),
    width: trayWidth,
    height: trayHeight,
    gone: name === NOBODY || !collectors.includes(name),
    owned: devices.filter(({ owner }) => (owner ?? NOBODY) === name).length,
  }));
  const place = (tray: Tray, slot: number): { x: number; y: number } => ({
    x: tray.x + inset + (slot % columns) * tile + tile / 2,
    y: tray.y + HEAD + Math.floor(slot / columns) * tile + tile / 2,
  });

  const byName = new Map(trays.map((tray) => [tray.name, tray]));
  const tiles = devices.flatMap(({ id, owner }, slot) => {
    const tray = byName.get(owner ?? NOBODY);
    return tray ? [{ id, owner, ...place(tray, slot) }] : [];
  });
  const slots = trays.flatMap((tray) =>
    devices.flatMap(({ id, owner }, slot) =>
      (owner ?? NOBODY) === tray.name ? [] : [{ key: `${tray.name} ${id}`, ...place(tray, slot) }],
    ),
  );

  const trayRows = Math.max(1, Math.ceil(names.length / perRow));
  const traysEnd = names.length === 0 ? 0 : trayRows * (trayHeight + GAP) - GAP;
  const perLine = Math.max(1, Math.min(others.length, Math.floor((width + GAP) / (160 + GAP))));
  const capsuleWidth = Math.min(240, (width - GAP * (perLine - 1)) / perLine);
  const lineWidth = perLine * (capsuleWidth + GAP) - GAP;
  const capsules = others.map((name, index): Capsule => ({
    name,
    x: (width - lineWidth) / 2 + (index % perLine) * (capsuleWidth + GAP),
    y: traysEnd + LINKS + Math.floor(index / perLine) * (CAPSULE + GAP),
    width: capsuleWidth,
    height: CAPSULE,
  }));
  const lines = Math.ceil(others.length / perLine);
  const height = traysEnd + (lines === 0 ? 0 : LINKS + lines * (CAPSULE + GAP) - GAP) + 4;
  return { width, height, tile, trays, capsules, tiles, slots };
}

/** As large as is pleasant, smaller when there are very many: a tray stays below some 240 px of slots. */
function tileSize(width: number, devices: number): number {
  for (const size of [54, 46, 40, 34, 28, 22]) {
    const rows = Math.ceil(devices / Math.max(1, Math.floor(width / size)));
    if (rows * size <= 240) return size;
  }
  return 18;
}

/** What tells devices apart in little room: their ids without the beginning that all share. At most 4 characters. */
export function shortLabels(ids: readonly string[]): ReadonlyMap<string, string> {
  let prefix = ids[0] ?? '';
  for (const id of ids) while (!id.startsWith(prefix)) prefix = prefix.slice(0, -1);
  // sw-10 … sw-19 share "sw-1": the number must stay whole.
  prefix = prefix.replace(/\d+$/, '');
  const labels = ids.map((id) => [id, id.slice(prefix.length) || id] as const);
  return new Map(labels.map(([id, label]) => [id, label.length <= 4 ? label : '']));
}
