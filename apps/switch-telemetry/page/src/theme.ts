import { signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const chosen = document.documentElement.dataset['theme'];
export const theme = signal<Theme>(chosen === 'light' || chosen === 'dark' ? chosen : 'system');

const dark = matchMedia('(prefers-color-scheme: dark)');
/** Changes whenever colours do; charts are drawn on a canvas and must be drawn anew. */
export const isDark = signal(computeDark());

function computeDark(): boolean {
  return theme.value === 'dark' || (theme.value === 'system' && dark.matches);
}

dark.addEventListener('change', () => {
  isDark.value = computeDark();
});

export function toggleTheme(): void {
  theme.value = isDark.value ? 'light' : 'dark';
  document.documentElement.dataset['theme'] = theme.value;
  isDark.value = computeDark();
  try {
    localStorage.setItem('theme', theme.value);
  } catch {
    // for this visit only, then
  }
}

/** The present value of a colour variable, for a canvas: `light-dark()` is resolved by the browser. */
export function color(variable: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
