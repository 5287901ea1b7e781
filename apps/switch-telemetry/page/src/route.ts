/** Hash routes: they need nothing of the server, and the address of every view can be sent to somebody. */
import { signal } from '@preact/signals';

export type Route =
  | { readonly view: 'devices' }
  | { readonly view: 'device'; readonly id: string }
  | { readonly view: 'cluster' };

export const devicesPath = '#/';
export const clusterPath = '#/cluster';
export const devicePath = (id: string): string => `#/devices/${encodeURIComponent(id)}`;

export function parseRoute(hash: string): Route {
  const [first, second] = hash.replace(/^#?\/?/, '').split('/');
  if (first === 'cluster') return { view: 'cluster' };
  if (first === 'devices' && second) {
    try {
      return { view: 'device', id: decodeURIComponent(second) };
    } catch {
      return { view: 'devices' };
    }
  }
  return { view: 'devices' };
}

export const route = signal<Route>(parseRoute(location.hash));

addEventListener('hashchange', () => {
  route.value = parseRoute(location.hash);
});

/** How the others see where one is. */
export function viewName(current: Route): string {
  return current.view === 'device' ? current.id : current.view;
}
