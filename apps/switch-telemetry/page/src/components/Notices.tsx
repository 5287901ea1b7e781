/** What the page must say about itself. Over the content, not in it: nothing moves when one appears. */
import { computed } from '@preact/signals';
import { allDevices, connection, missed, now } from '../state.ts';

export function ConnectionBanner() {
  if (connection.value !== 'lost') return null;
  return (
    <div class="notice notice-lost" role="status" data-testid="reconnecting">
      <span class="spinner" aria-hidden="true" />
      <span>
        <strong>Reconnecting…</strong> What you see is what was last known.
      </span>
    </div>
  );
}

export function MissedNotice() {
  const last = missed.value;
  if (last === null || now.value - last.at > 15_000) return null;
  return (
    <div class="notice" role="status" data-testid="missed" data-missed={last.count}>
      <span>
        Your connection was slower than the data: <strong>{last.count}</strong>{' '}
        {last.count === 1 ? 'update was' : 'updates were'} skipped. What you see now is current.
      </span>
      <button
        type="button"
        class="link"
        onClick={() => {
          missed.value = null;
        }}
      >
        Dismiss
      </button>
    </div>
  );
}

/** One sentence for screen readers; it changes only when the number of devices in trouble does, not with every poll. */
const summary = computed(() => {
  const all = allDevices.value;
  if (all.length === 0) return '';
  const bad = all.filter(({ state }) => state !== 'up').length;
  return bad === 0 ? `All ${all.length} devices are up.` : `${bad} of ${all.length} devices are not up.`;
});

export function Announcer() {
  return (
    <p class="visually-hidden" role="status" aria-live="polite">
      {summary.value}
    </p>
  );
}
