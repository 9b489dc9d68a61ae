// Stands in the page itself, before anything is loaded: shows the scenario as it was rendered at build, in the language and
// theme asked for, lets the diagram grow, and hands over to the page's script. Made part of index.html by first/plugin.ts.
(() => {
  const kept = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const root = document.documentElement;
  const asked = new URLSearchParams(location.hash.slice(1));
  const language = (asked.get('lang') ?? kept('language') ?? navigator.language).startsWith('zh')
    ? 'zh'
    : 'en';
  const theme = asked.get('theme') ?? kept('theme');
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = theme === 'dark' || (theme !== 'light' && dark) ? 'dark' : 'light';
  root.lang = language === 'zh' ? 'zh-CN' : 'en';
  const opening = document.querySelector('template[data-first]').dataset.first;
  const id = asked.get('s') ?? opening;
  // Somebody who comes back, or who follows a link to another view, waits for the page itself.
  const plain = [...asked.keys()].every((key) => ['s', 'lang', 'theme', 'step'].includes(key));
  let way = null;
  try {
    way = JSON.parse(kept('progress')).ways[id];
  } catch {
    // Nobody has been here.
  }
  const step = asked.get('step') ?? (asked.has('s') ? 1 : (way?.step ?? 0) + 1);
  if (!plain || Number(step) !== 1 || id !== opening) return;

  const begin = (data) => {
    const box = document.getElementById('first');
    const words = box.dataset;
    const views = [...box.querySelectorAll('.diagram')];
    const button = box.querySelector('.play');
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    let [y, stop, playing, before, pressed] = [data.y, data.stop, true, null, null];
    const draw = () => {
      for (const view of views) {
        const svg = view.querySelector('.canvas');
        svg.style.clipPath = `inset(0 0 ${100 * (1 - Math.max(y, 4) / data.height)}% 0)`;
        const scroll = view.querySelector('.scroll');
        const at = (y * svg.clientWidth) / svg.viewBox.baseVal.width;
        if (at > scroll.scrollTop + scroll.clientHeight * 0.8)
          scroll.scrollTop = at - scroll.clientHeight * 0.8 + 24;
      }
    };
    const show = (on) => {
      playing = on;
      const label = on ? words.pause : words.play;
      button.setAttribute('aria-label', label);
      button.querySelector('path').setAttribute('d', on ? 'M3 2h4v12H3zM9 2h4v12H9z' : 'M3 1.5v13L14 8z');
    };
    const frame = (now) => {
      if (!box.isConnected) return;
      // The same pace as the page has.
      if (playing) y = still ? stop : Math.min(stop, y + (Math.min(100, now - (before ?? now)) * 110) / 1000);
      before = now;
      draw();
      if (playing && y >= stop) show(false);
      requestAnimationFrame(frame);
    };
    box.addEventListener('click', (event) => {
      const target = event.target.closest('button');
      if (target === button) {
        if (!playing) stop = data.end;
        show(!playing);
      } else if (target !== null) pressed = [...document.querySelectorAll('button')].indexOf(target);
    });
    show(true);
    requestAnimationFrame(frame);
    // The page's script takes over where this is.
    window.firstView = () => ({ y, playing, beyond: stop > data.stop, pressed });
  };
  const page = document.querySelector(`template[data-lang="${language}"]`).content.cloneNode(true);
  const data = JSON.parse(page.querySelector('script').textContent);
  page.querySelector('.picture').outerHTML = data.diagrams;
  page.querySelector('script').remove();
  document.body.prepend(page);
  begin(data);
})();
