/** Files and links that the page hands out. */
import { worldEpochUs } from '../../../../src/sim/capture.ts';
import { concatenate, pcapngHeader, pcapngPacket } from '../../../../src/wire/pcap.ts';
import type { LabEvent } from '../world/run.ts';
import diagramCss from './diagram.css?raw';

export function download(name: string, type: string, content: BlobPart): void {
  const link = document.createElement('a');
  const url = URL.createObjectURL(new Blob([content], { type }));
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the address after the click has returned.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Every packet as it left its sender, an interface per link; what was lost says so in a comment. */
export function captureOf(events: readonly LabEvent[]): Uint8Array<ArrayBuffer> {
  const links: string[] = [];
  const lost = new Map<string, string>();
  const key = ({ link, from, n }: { link: string; from: string; n: number }): string =>
    `${link}/${from}/${n}`;
  for (const event of events) {
    if (event.kind === 'lost') lost.set(key(event.packet), `lost on the way (${event.cause})`);
    if (event.kind === 'sent' && !links.includes(event.packet.link)) links.push(event.packet.link);
  }
  const parts = [pcapngHeader(links.length === 0 ? [{}] : links.map((name) => ({ name })))];
  for (const event of events) {
    if (event.kind !== 'sent') continue;
    const comment = lost.get(key(event.packet));
    const notes = {
      interfaceId: links.indexOf(event.packet.link),
      ...(comment === undefined ? {} : { comment }),
    };
    parts.push(pcapngPacket(BigInt(worldEpochUs + event.at) * 1000n, event.bytes, notes));
  }
  return concatenate(parts);
}

/** The diagram on the page as a file of its own: both its parts one below the other, with the colours it has now. */
export function pictureOf(box: HTMLElement): string {
  const [heads, canvas] = [...box.querySelectorAll('svg')] as [SVGSVGElement, SVGSVGElement];
  const width = Number(canvas.getAttribute('width'));
  const headHeight = Number(heads.getAttribute('height'));
  const height = headHeight + Number(canvas.getAttribute('height'));
  const style = getComputedStyle(document.documentElement);
  const css = diagramCss.replace(/var\((--[\w-]+)\)/g, (_, name: string) =>
    style.getPropertyValue(name).trim(),
  );
  const part = (svg: SVGSVGElement, y: number): string => {
    const copy = svg.cloneNode(true) as SVGSVGElement;
    copy.setAttribute('y', `${y}`);
    for (const hidden of copy.querySelectorAll('.hit, .playhead, .ahead')) hidden.remove();
    return new XMLSerializer().serializeToString(copy);
  };
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
    `<style>${css}</style><rect width="100%" height="100%" fill="${style.getPropertyValue('--card').trim()}"/>` +
    `${part(heads, 0)}${part(canvas, headHeight)}</svg>\n`
  );
}
