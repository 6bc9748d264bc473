// Answers the lines of peers.py as cron_lines does, by croner or cron-parser: node peers.mjs NAME
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
const require = createRequire(process.cwd() + "/");
const name = process.argv[2];
const { Cron } = name === "croner" ? require("croner") : {};
const { CronExpressionParser } = name === "cron-parser" ? require("cron-parser") : {};

function next(zone, after, count, text) {
  const from = new Date(after * 1000);
  if (name === "croner") return new Cron(text, { timezone: zone, paused: true }).nextRuns(count, from);
  const walk = CronExpressionParser.parse(text, { currentDate: from, tz: zone });
  return Array.from({ length: count }, () => walk.next().toDate());
}

for await (const line of createInterface({ input: process.stdin })) {
  const [zone, after, count, ...text] = line.split("|");
  try {
    console.log(next(zone, Number(after), Number(count), text.join("|")).map((at) => at.getTime() / 1000).join(" "));
  } catch (problem) {
    console.log("error " + String(problem.message).split("\n")[0]);
  }
}
