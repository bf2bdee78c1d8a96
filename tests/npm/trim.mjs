// @octokit/openapi is 395 MB on disk and the tests read one file of 13 MB: keep that file, delete the other descriptions.
// npm runs this after every install of this folder (package.json: postinstall).
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const generated = join(here, "node_modules", "@octokit", "openapi", "generated");

for (const name of readdirSync(generated)) {
  if (name !== "api.github.com.json") rmSync(join(generated, name), { recursive: true });
}
