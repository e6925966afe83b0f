// User code compiles with the types of the package, with the oldest TypeScript of README.md and with the current one.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const json = (relative) => JSON.parse(readFileSync(path(relative), "utf8"));

const browser = ["--lib", "ES2022,DOM,DOM.Iterable", "--typeRoots", "."];
const uses = {
    "with a bundler": ["user.ts", "--module", "ESNext", "--moduleResolution", "bundler", ...browser],
    "as Node resolves modules": ["user.ts", "--module", "NodeNext", ...browser],
    "without the types of a browser": ["node.ts", "--module", "NodeNext", "--lib", "ES2022", "--types", "node"],
};
const strictest = [
    "--noEmit", "--skipDefaultLibCheck", "--target", "ES2022", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess",
    "--noPropertyAccessFromIndexSignature", "--noImplicitOverride", "--verbatimModuleSyntax", "--isolatedModules",
    "--declaration", "--isolatedDeclarations",
];

/** The messages of the compiler for a file. */
function compile(typescript, file, options) {
    const compiler = path(`../node_modules/${typescript}/bin/tsc`);
    const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, ...strictest, ...options, file], {
        cwd: path("types"),
        encoding: "utf8",
    });
    return status === 0 ? stdout : `${stdout}${stderr}exit status ${status}`;
}

for (const typescript of ["typescript-oldest", "typescript"]) {
    const { version } = json(`../node_modules/${typescript}/package.json`);
    for (const [use, [file, ...options]] of Object.entries(uses))
        test(`TypeScript ${version}, ${use}`, () => {
            assert.equal(compile(typescript, file, options), "");
        });
}

test("memory that may be shared", () => {
    assert.equal(compile("typescript", "shared.ts", uses["with a bundler"].slice(1)), "");
});

test("README.md names the oldest TypeScript", () => {
    const { version } = json("../node_modules/typescript-oldest/package.json");
    const [, named] = /TypeScript (\S+) or later/.exec(readFileSync(path("../README.md"), "utf8"));
    assert.equal(version.replace(/\.\d+$/, ""), named);
});
