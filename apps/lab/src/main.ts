import { mount } from 'svelte';
import './ui/app.css';
import { lab } from './lab.svelte.ts';
import App from './ui/App.svelte';

/** What was shown while this was loading, and what was done with it (first/player.js). */
interface First {
  readonly y: number;
  readonly playing: boolean;
  /** Whether Play was pressed for more than the first step. */
  readonly beyond: boolean;
  /** The number of another button that was pressed. */
  readonly pressed: number | null;
}
declare global {
  interface Window {
    firstView?: () => First;
  }
}

mount(App, { target: document.body });
const first = window.firstView?.();
document.getElementById('first')?.remove();
if (first !== undefined) {
  lab.takeUp(first);
  if (first.pressed !== null) document.querySelectorAll('button')[first.pressed]?.click();
}
