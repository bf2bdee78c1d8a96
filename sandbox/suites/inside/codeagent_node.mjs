// Runs inside: a reporter for node's own test runner that writes the same report as the pytest plugin. A case
// has an address of the form "tests/x.test.js::outer::inner", so that its file can be read off it.

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { inspect } from 'node:util';

const DIRECTORY = '.codeagent';
const REPORT = `${DIRECTORY}/report.jsonl`;
const MAX_DETAILS = 16000;

function wanted() {
  try {
    return JSON.parse(readFileSync(0, 'utf8')).select ?? [];
  } catch {
    return [];
  }
}

function write(kind, values) {
  appendFileSync(REPORT, `${JSON.stringify({ kind, ...values })}\n`);
}

// The runner wraps what a test threw; the first line says what it was, as a Python traceback's last one does.
function described(error) {
  const cause = error?.cause ?? error;
  const name = cause?.name ?? 'Error';
  const text = cause instanceof Error || cause?.message ? cause.message : inspect(cause);
  const message = `${name}: ${String(text)}`.split('\n').slice(0, 12).join(' ');
  return { message, details: String(cause?.stack ?? inspect(cause)).slice(0, MAX_DETAILS) };
}

export default async function* codeagent(source) {
  const select = wanted();
  const names = new Map(); // file → names of the tests around the one that runs
  const times = new Map(); // address → how often it was reported: two tests may share a name
  const found = new Set();
  let count = 0;
  mkdirSync(DIRECTORY, { recursive: true });
  writeFileSync(REPORT, '');
  for await (const { type, data } of source) {
    if (!data?.file) continue;
    const file = relative(process.cwd(), data.file);
    const stack = names.get(file) ?? [];
    names.set(file, stack);
    if (type === 'test:start') {
      stack.length = data.nesting;
      stack[data.nesting] = data.name;
      continue;
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    const passed = type === 'test:pass';
    if (data.nesting === 0 && data.name === data.file || data.name === file) {
      if (!passed) write('collect', { id: file, ...described(data.details?.error) });
      continue;
    }
    const address = [file, ...stack.slice(0, data.nesting), data.name].join('::');
    const before = times.get(address) ?? 0;
    times.set(address, before + 1);
    const id = before ? `${address} (${before + 1})` : address;
    const chosen = select.filter((each) => each === file || each === id || address.startsWith(`${each}::`));
    chosen.forEach((each) => found.add(each));
    if (select.length && !chosen.length) continue;
    count += 1;
    const verdict = data.skip !== undefined || data.todo !== undefined ? 'skipped' : passed ? 'passed' : 'failed';
    const seconds = (data.details?.duration_ms ?? 0) / 1000;
    write('case', { id, verdict, seconds, ...(passed ? {} : described(data.details?.error)) });
    yield `${verdict} ${id}\n`;
  }
  write('collected', { count, missing: select.filter((each) => !found.has(each)) });
  write('finish', {});
}
