/** Fixes as shell commands, one by one and as a script. Only text: nothing is run. */
import type { Fix, Found } from './check.ts';
import { type PortRange, portListText } from './ports.ts';

const reservedName = 'net.ipv4.ip_local_reserved_ports';

/**
 * What to do, as a command or, where none can help, as a sentence.
 * @param prefix comes before a command, to run it where the finding is
 */
export function fixText(fix: Fix, prefix: string): string {
  switch (fix.kind) {
    case 'sysctl':
      return `${prefix}sysctl -w ${fix.name}="${fix.value}"`;
    case 'reserve':
      return `${prefix}sysctl -w ${reservedName}="${portListText([...fix.already, ...fix.ports])}"`;
    case 'command':
    case 'look':
      return prefix + fix.command;
    case 'advice':
      return fix.text;
  }
}

/** A setting that the script sets. */
interface Setting {
  readonly name: string;
  readonly value: string;
}

function settingOf(fix: Fix, reserved: string): Setting | null {
  if (fix.kind === 'sysctl') return { name: fix.name, value: fix.value };
  return fix.kind === 'reserve' ? { name: reservedName, value: reserved } : null;
}

/** The ports that all findings together want to be reserved: one setting holds them all. */
function allReserved(found: readonly Found[]): string {
  const ranges: PortRange[] = [];
  for (const { fixes } of found) {
    for (const fix of fixes) if (fix.kind === 'reserve') ranges.push(...fix.already, ...fix.ports);
  }
  return portListText(ranges);
}

/**
 * A shell script with the fixes of all findings. What is only worth a line (info) and what changes nothing is in it
 * as a comment.
 * @param prefix comes before every command, to run it where the findings are
 */
export function fixScript(found: readonly Found[], prefix: string): string {
  const serious = found.filter(({ severity }) => severity !== 'info');
  const reserved = allReserved(serious);
  const settings = new Map<string, string>();
  const done = new Set<string>();
  const lines = [
    '#!/bin/sh',
    '# Fixes for what halfopen doctor found. Nothing was changed yet: read this, then run it as root.',
    'failed=0',
  ];
  for (const finding of found) {
    lines.push('', `# ${finding.severity}: ${finding.summary}`);
    for (const fix of finding.fixes) {
      const setting = settingOf(fix, reserved);
      const text = fixText(setting === null ? fix : { kind: 'sysctl', ...setting }, prefix);
      const active = (setting !== null || fix.kind === 'command') && finding.severity !== 'info';
      if (!active) {
        lines.push(`# ${fixText(fix, prefix)}`);
      } else if (done.has(text)) {
        lines.push('# (done above)');
      } else {
        lines.push(`${text} || failed=1`);
        done.add(text);
        if (setting !== null) settings.set(setting.name, setting.value);
      }
    }
  }
  if (found.length === 0) lines.push('', '# Nothing was found.');
  if (settings.size > 0) {
    lines.push(
      '',
      '# To keep the settings over a restart, put these lines into /etc/sysctl.d/90-halfopen.conf:',
    );
    for (const [name, value] of settings) lines.push(`# ${name} = ${value}`);
  }
  return `${[...lines, '', 'exit $failed'].join('\n')}\n`;
}
