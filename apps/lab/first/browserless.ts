/** What the page asks of a browser while it is rendered without one. Imported before the page. */
Object.assign(globalThis, {
  location: { hash: '', search: '', href: '' },
  matchMedia: () => ({ matches: false, addEventListener: () => {} }),
});
if (!('navigator' in globalThis)) Object.assign(globalThis, { navigator: { language: 'en' } });
