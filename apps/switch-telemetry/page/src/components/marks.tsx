/** Small marks for states and nodes: shape and text as well as colour. */
import type { DeviceState } from '../types.ts';
import { shortNode } from '../format.ts';
import { nodeColor, nodes, stateText } from '../state.ts';

export function StateMark({ state }: { state: DeviceState }) {
  return (
    <svg class={`mark mark-${state}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      {state === 'up' && <circle cx="8" cy="8" r="5" class="mark-fill" />}
      {state === 'unreachable' && (
        <>
          <circle cx="8" cy="8" r="6" class="mark-line" />
          <path d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8" class="mark-line" />
        </>
      )}
      {state === 'error' && (
        <>
          <path d="M8 2.2 14.4 13.4H1.6Z" class="mark-line" />
          <path d="M8 6.4v3.2M8 11.4v.1" class="mark-line" />
        </>
      )}
      {state === 'pending' && <circle cx="8" cy="8" r="5.4" class="mark-line mark-dashed" />}
    </svg>
  );
}

export function StateBadge({ state }: { state: DeviceState }) {
  return (
    <span class={`badge badge-${state}`}>
      <StateMark state={state} />
      {stateText(state)}
    </span>
  );
}

/** The node that polls a device. */
export function NodeChip({ name }: { name: string | null }) {
  if (name === null || name === '') return <span class="chip chip-none">no owner</span>;
  const gone = nodes.value !== null && !nodes.value.some((node) => node.name === name);
  return (
    <span
      class={`chip ${gone ? 'chip-gone' : ''}`}
      title={gone ? `${name} is gone; another collector takes over` : name}
    >
      <span class={`swatch node-${nodeColor(name)}`} aria-hidden="true" />
      {shortNode(name)}
      {gone && <span class="visually-hidden"> (gone)</span>}
    </span>
  );
}
