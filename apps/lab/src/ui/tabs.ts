/** Arrow keys, Home and End move through a list of tabs, as the ARIA pattern has it. */
export function moveTab(event: KeyboardEvent): void {
  const tabs = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role="tab"]')];
  const at = tabs.indexOf(event.target as HTMLElement);
  const { length } = tabs;
  const to =
    event.key === 'ArrowRight'
      ? (at + 1) % length
      : event.key === 'ArrowLeft'
        ? (at + length - 1) % length
        : event.key === 'Home'
          ? 0
          : event.key === 'End'
            ? length - 1
            : -1;
  if (to < 0) return;
  event.preventDefault();
  tabs[to]!.focus();
  tabs[to]!.click();
}
