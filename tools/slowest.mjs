// A reporter of vitest: the ten slowest tests and the ten slowest files, so that nobody has to guess where the time went.
const most = 10;
const seconds = (ms) => `${(ms / 1000).toFixed(1).padStart(7)} s`;

export default class Slowest {
  onTestRunEnd(modules) {
    const tests = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => ({
        ms: test.diagnostic()?.duration ?? 0,
        name: `${module.relativeModuleId} > ${test.fullName}`,
      })),
    );
    if (tests.length < 2 * most) return;
    const files = modules.map((module) => {
      const { collectDuration, setupDuration, duration } = module.diagnostic();
      return { ms: collectDuration + setupDuration + duration, name: module.relativeModuleId };
    });
    for (const [title, rows] of [
      ['slowest tests', tests],
      ['slowest files', files],
    ]) {
      rows.sort((a, b) => b.ms - a.ms);
      console.log(`\nThe ten ${title}:`);
      for (const { ms, name } of rows.slice(0, most)) console.log(`${seconds(ms)}  ${name}`);
    }
  }
}
