import { clusterPath, devicesPath, route } from '../route.ts';
import { isDark, toggleTheme } from '../theme.ts';
import { Visitors } from './Visitors.tsx';

export function Header() {
  const { view } = route.value;
  return (
    <header class="top">
      <div class="top-inner">
        <a class="brand" href={devicesPath} aria-label="Switch Telemetry, devices">
          <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
            <rect width="32" height="32" rx="8" class="brand-tile" />
            <path d="M6 19h4l3-9 5 13 3-8h5" class="brand-line" />
          </svg>
          <span class="brand-name">Switch Telemetry</span>
        </a>
        <nav aria-label="Views">
          <a href={devicesPath} aria-current={view === 'cluster' ? undefined : view === 'devices' ? 'page' : 'true'}>
            Devices
          </a>
          <a href={clusterPath} aria-current={view === 'cluster' ? 'page' : undefined}>
            Cluster
          </a>
        </nav>
        <div class="top-end">
          <Visitors />
          <button
            type="button"
            class="icon-button"
            data-testid="theme"
            onClick={toggleTheme}
            aria-label={isDark.value ? 'Use the light theme' : 'Use the dark theme'}
            title={isDark.value ? 'Light theme' : 'Dark theme'}
          >
            <svg
              viewBox="0 0 24 24"
              width="18"
              height="18"
              aria-hidden="true"
              fill="none"
              stroke="currentColor"
              stroke-width="1.8"
              stroke-linecap="round"
              stroke-linejoin="round"
            >
              {isDark.value ? (
                <>
                  <circle cx="12" cy="12" r="4.2" />
                  <path d="M12 3v1.6M12 19.4V21M3 12h1.6M19.4 12H21M5.6 5.6l1.2 1.2M17.2 17.2l1.2 1.2M18.4 5.6l-1.2 1.2M6.8 17.2l-1.2 1.2" />
                </>
              ) : (
                <path d="M20 14.2A8 8 0 0 1 9.8 4a8 8 0 1 0 10.2 10.2Z" />
              )}
            </svg>
          </button>
        </div>
      </div>
    </header>
  );
}
