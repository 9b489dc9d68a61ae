// What the benchmarks of the stack share: which build they measure, and how a rate is told.

/** The folder of compiled modules under test: the environment's BENCH_STACK (a URL) if `npm run bench -- --against` set it. */
const folder = process.env.BENCH_STACK ?? new URL('../build/', import.meta.url).href;
/** Whether it is another checkout's, or this one's beside another: then what is not of the stack is not measured. */
export const compared = process.env.BENCH_STACK !== undefined;
export const load = (name) => import(new URL(name, folder).href);

/** CPU-seconds that some work takes, the whole process counted. */
export async function cpuOf(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Runs some work several times; prints how much of it a CPU-second does. */
export async function reportRate(name, unit, amount, runs, work) {
  const rates = [];
  for (let run = 0; run < runs; run++) rates.push(amount / (await cpuOf(work)));
  rates.sort((x, y) => x - y);
  const median = rates[runs >> 1];
  if (compared) {
    console.log(JSON.stringify({ name, unit, median }));
    return;
  }
  const show = (rate) => Math.round(rate).toLocaleString('en');
  console.log(
    `${name.padEnd(24)} ${show(median).padStart(9)} ${unit} per CPU-second ` +
      `(median of ${runs}; ${show(rates[0])} to ${show(rates.at(-1))})`,
  );
}
