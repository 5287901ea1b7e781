/** Who is looking: a few faces, and the list behind them. */
import { useEffect, useRef } from 'preact/hooks';
import { shortNode } from '../format.ts';
import { hashOf, initials } from '../names.ts';
import { visitors } from '../state.ts';
import type { Visitor } from '../types.ts';

const SHOWN = 4;

function Face({ visitor }: { visitor: Visitor }) {
  return (
    <span class={`face face-${hashOf(visitor.key) % 6}`} aria-hidden="true">
      {initials(visitor.name)}
    </span>
  );
}

function where(view: string): string {
  return view === 'devices' ? 'all devices' : view === 'cluster' ? 'the cluster' : view;
}

export function Visitors() {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event): void => {
      const box = details.current;
      if (!box?.open) return;
      if (event instanceof KeyboardEvent) {
        if (event.key !== 'Escape') return;
        box.open = false;
        box.querySelector('summary')?.focus();
      } else if (event.target instanceof Node && !box.contains(event.target)) box.open = false;
    };
    addEventListener('keydown', close);
    addEventListener('pointerdown', close);
    return () => {
      removeEventListener('keydown', close);
      removeEventListener('pointerdown', close);
    };
  }, []);
  const all = visitors.value;
  const more = all.length - SHOWN;
  return (
    <details class="visitors" ref={details} data-testid="visitors" data-count={all.length}>
      <summary aria-label={all.length === 1 ? 'Only you are looking' : `${all.length} people are looking`}>
        <span class="faces" data-beyond-two={all.length > 2 ? `+${all.length - 2}` : undefined}>
          {all.slice(0, SHOWN).map((visitor) => (
            <Face key={visitor.key} visitor={visitor} />
          ))}
          {more > 0 && (
            <span class="face face-more" aria-hidden="true">
              +{more}
            </span>
          )}
        </span>
      </summary>
      <div class="popover">
        <h2>Looking now</h2>
        <ul>
          {all.map((visitor) => (
            <li key={visitor.key} data-visitor={visitor.name}>
              <Face visitor={visitor} />
              <span>
                <strong>{visitor.name}</strong>
                {visitor.self && <span class="muted"> (you)</span>}
                <span class="muted small block">
                  at {where(visitor.view)}, through {shortNode(visitor.node)}
                  {visitor.pages > 1 && `, ${visitor.pages} tabs`}
                </span>
              </span>
            </li>
          ))}
        </ul>
      </div>
    </details>
  );
}
