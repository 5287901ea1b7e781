/** The cluster as a picture: nodes, and the devices that move between them. */
import { computed } from '@preact/signals';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import {
  layoutCluster,
  NOBODY,
  shortLabels,
  type Capsule,
  type Picture,
  type Tile,
  type Tray,
} from '../cluster-layout.ts';
import { clockTime, duration, shortNode } from '../format.ts';
import { devicePath } from '../route.ts';
import { allDevices, device, deviceIds, departed, moves, nodeColor, nodes, now, skew, stateText } from '../state.ts';
import type { NodeView } from '../types.ts';

// As text, so that a poll, which changes rates only, draws nothing anew.
const ownersKey = computed(() => JSON.stringify(allDevices.value.map(({ id, owner }) => ({ id, owner }))));
const collator = new Intl.Collator('en', { numeric: true });
const owners = computed(() =>
  (JSON.parse(ownersKey.value) as { id: string; owner: string | null }[]).toSorted((a, b) =>
    collator.compare(a.id, b.id),
  ),
);

export function ClusterPage() {
  const list = nodes.value;
  return (
    <>
      <h1 tabIndex={-1}>Cluster</h1>
      <p class="lead">
        {list === null || deviceIds.value === null ? (
          'Asking the cluster…'
        ) : (
          <>
            {list.length} {list.length === 1 ? 'node' : 'nodes'}, {deviceIds.value.length} devices. Each device is
            polled by exactly one collector; when a collector joins or leaves, only its share moves.
          </>
        )}
      </p>
      <Stage />
      <div class="below">
        <NodeTable list={list ?? []} />
        <Diary />
      </div>
    </>
  );
}

function Stage() {
  const holder = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = holder.current;
    if (!element) return;
    const measure = (): void => setWidth(Math.floor(element.getBoundingClientRect().width));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const list = nodes.value;
  if (width === 0 || list === null || deviceIds.value === null) return <div class="stage stage-empty" ref={holder} />;
  const sorted = list.toSorted((a, b) => collator.compare(a.name, b.name));
  const picture = layoutCluster({
    width,
    collectors: sorted.filter(({ roles }) => roles.includes('collector')).map(({ name }) => name),
    others: sorted
      .filter(({ name, roles }) => !roles.includes('collector') && !departed.value.includes(name))
      .map(({ name }) => name),
    departed: departed.value,
    devices: owners.value,
  });
  const labels = shortLabels(owners.value.map(({ id }) => id));
  const byName = new Map(list.map((node) => [node.name, node]));
  return (
    <div class="stage" ref={holder}>
      <svg
        class="picture"
        data-testid="cluster-picture"
        width={width}
        height={picture.height}
        viewBox={`0 0 ${width} ${picture.height}`}
        role="group"
        aria-label="Nodes of the cluster and the devices they poll"
      >
        <Links picture={picture} />
        {picture.trays.map((tray) => (
          <TrayView key={tray.name} tray={tray} node={byName.get(tray.name)} />
        ))}
        <g aria-hidden="true">
          {picture.slots.map(({ key, x, y }) => (
            <circle key={key} class="slot" cx={x} cy={y} r={2} />
          ))}
        </g>
        {picture.tiles.map((tile) => (
          <TileView key={tile.id} tile={tile} size={picture.tile} label={labels.get(tile.id) ?? ''} />
        ))}
        {picture.capsules.map((capsule) => (
          <CapsuleView key={capsule.name} capsule={capsule} node={byName.get(capsule.name)} />
        ))}
      </svg>
    </div>
  );
}

/** Every web node hears every collector. */
function Links({ picture }: { picture: Picture }) {
  const last = Math.max(...picture.trays.map(({ y }) => y));
  const bottom = picture.trays.filter(({ gone, y }) => !gone && y === last);
  return (
    <g class="links" aria-hidden="true">
      {bottom.flatMap((tray) =>
        picture.capsules.map((capsule) => {
          const [x1, y1] = [tray.x + tray.width / 2, tray.y + tray.height];
          const [x2, y2] = [capsule.x + capsule.width / 2, capsule.y];
          const middle = (y1 + y2) / 2;
          return (
            <path key={`${tray.name} ${capsule.name}`} d={`M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`} />
          );
        }),
      )}
    </g>
  );
}

function TrayView({ tray, node }: { tray: Tray; node: NodeView | undefined }) {
  const { name, x, y, width, height, gone, owned } = tray;
  return (
    <g
      class={`tray ${gone ? 'tray-gone' : ''}`}
      style={{ transform: `translate(${x}px, ${y}px)` }}
      data-cluster-node={name}
      data-owned={owned}
    >
      <rect class="tray-box" width={width} height={height} rx={14} />
      {name !== NOBODY && (
        <rect class={`tray-swatch node-${nodeColor(name)}`} x={18} y={20} width={14} height={14} rx={4} />
      )}
      <text class="tray-name" x={name === NOBODY ? 18 : 42} y={32}>
        {name === NOBODY ? 'Nobody polls these' : shortNode(name)}
      </text>
      <text class="tray-note" x={width - 18} y={32} text-anchor="end">
        {gone && name !== NOBODY
          ? owned === 0
            ? 'gone'
            : `gone · ${owned} to take over`
          : `${owned} ${owned === 1 ? 'device' : 'devices'}`}
        {node?.self ? ' · you' : ''}
      </text>
    </g>
  );
}

function CapsuleView({ capsule, node }: { capsule: Capsule; node: NodeView | undefined }) {
  const { name, x, y, width, height } = capsule;
  const roles = node?.roles.join(', ') || 'no role';
  return (
    <g class="capsule" style={{ transform: `translate(${x}px, ${y}px)` }} data-cluster-node={name}>
      <rect class={`capsule-box ${node?.self ? 'capsule-self' : ''}`} width={width} height={height} rx={height / 2} />
      <text class="capsule-name" x={width / 2} y={25} text-anchor="middle">
        {shortNode(name)}
      </text>
      <text class="capsule-note" x={width / 2} y={42} text-anchor="middle">
        {roles}
        {node?.self ? ' · serves this page' : ''}
      </text>
    </g>
  );
}

function TileView({ tile, size, label }: { tile: Tile; size: number; label: string }) {
  const view = device(tile.id)?.value;
  if (view === undefined) return null;
  const { id, owner, x, y } = tile;
  const side = size - 6;
  const color = owner === null ? 'node-none' : `node-${nodeColor(owner)}`;
  return (
    <a
      href={devicePath(id)}
      class={`device-tile ${color} tile-${view.state}`}
      style={{ transform: `translate(${x}px, ${y}px)` }}
      data-cluster-device={id}
      data-owner={owner ?? ''}
      data-state={view.state}
      aria-label={`${id}, ${stateText(view.state).toLowerCase()}, ${owner === null ? 'polled by nobody' : `polled by ${shortNode(owner)}`}`}
    >
      <title>{`${id} · ${stateText(view.state)}${view.reason ? ` · ${view.reason}` : ''}`}</title>
      <rect
        key={view.last_poll ?? 0}
        class="tile-pulse"
        x={-side / 2}
        y={-side / 2}
        width={side}
        height={side}
        rx={side / 3.4}
      />
      <rect class="tile-box" x={-side / 2} y={-side / 2} width={side} height={side} rx={side / 3.4} />
      {label && size >= 28 && (
        <text class="tile-label" y={4} text-anchor="middle">
          {label}
        </text>
      )}
      {view.state !== 'up' && view.state !== 'pending' && (
        <g class="tile-alarm" transform={`translate(${side / 2 - 2} ${-side / 2 + 2})`}>
          <circle r={6} />
          <path d="M-2.2-2.2 2.2 2.2M2.2-2.2-2.2 2.2" />
        </g>
      )}
    </a>
  );
}

function NodeTable({ list }: { list: readonly NodeView[] }) {
  return (
    <section>
      <h2>Nodes</h2>
      <div class="card table-card scroll" tabIndex={0} role="region" aria-label="Nodes">
        <table class="interfaces nodes">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">Roles</th>
              <th scope="col" class="number">
                Devices
              </th>
              <th scope="col" class="number">
                Connected for
              </th>
            </tr>
          </thead>
          <tbody>
            {list
              .toSorted((a, b) => collator.compare(a.name, b.name))
              .map((node) => (
                <tr key={node.name} data-node={node.name}>
                  <th scope="row">
                    {node.roles.includes('collector') && (
                      <span class={`swatch node-${nodeColor(node.name)}`} aria-hidden="true" />
                    )}
                    {shortNode(node.name)}
                    <span class="muted small block">
                      {node.name.slice(shortNode(node.name).length)}
                      {node.hidden && ' · hidden'}
                      {node.self && ' · serves this page'}
                    </span>
                  </th>
                  <td>{node.roles.join(', ') || <span class="muted">none</span>}</td>
                  <td class="number">
                    {node.roles.includes('collector')
                      ? owners.value.filter(({ owner }) => owner === node.name).length
                      : '–'}
                  </td>
                  <td class="number">{duration((now.value + skew.value - node.connected_since) / 1000)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Diary() {
  return (
    <section>
      <h2>What changed</h2>
      <div class="card diary" role="log" aria-label="Changes of the cluster" tabIndex={0}>
        {moves.value.length === 0 ? (
          <p class="muted">Nothing since this page was opened.</p>
        ) : (
          <ol>
            {moves.value.map(({ key, at, text, devices }) => (
              <li key={key}>
                <time class="muted">{clockTime(at - skew.value)}</time>
                <span>
                  {text.replace(/@[\w.:-]+/g, '')}
                  {devices.length > 1 && (
                    <span class="muted small block">{devices.toSorted(collator.compare).join(', ')}</span>
                  )}
                </span>
              </li>
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}
