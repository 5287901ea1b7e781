import { effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Announcer, ConnectionBanner, MissedNotice } from './components/Notices.tsx';
import { Header } from './components/Header.tsx';
import { route } from './route.ts';
import { ClusterPage } from './views/Cluster.tsx';
import { DevicePage } from './views/Device.tsx';
import { DevicesPage } from './views/Devices.tsx';

export function App() {
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    let first = true;
    return effect(() => {
      const { view } = route.value;
      const id = route.value.view === 'device' ? route.value.id : '';
      document.title = `${id || (view === 'cluster' ? 'Cluster' : 'Devices')} · Switch Telemetry`;
      if (first) {
        first = false;
        return;
      }
      // A screen reader hears the new view's heading, and Tab goes on from there.
      queueMicrotask(() => {
        scrollTo(0, 0);
        main.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
      });
    });
  }, []);
  const current = route.value;
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to content
      </a>
      <Header />
      <main id="main" ref={main} tabIndex={-1}>
        {current.view === 'devices' && <DevicesPage />}
        {current.view === 'device' && <DevicePage key={current.id} id={current.id} />}
        {current.view === 'cluster' && <ClusterPage />}
      </main>
      <Announcer />
      <div class="notices">
        <ConnectionBanner />
        <MissedNotice />
      </div>
    </>
  );
}
