// SPDX-License-Identifier: BSD-2-Clause
// Drives the page in a real browser and holds it against the engine's native build.
// usage: node drive.mjs PAGE.html PLAYGROUND CHROMIUM DATA-FOLDER MODULES-FOLDER [SHOTS-FOLDER]
import { createRequire } from "node:module";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const [, , page, native, browserPath, data, modules, shots] = process.argv;
const require = createRequire(join(modules, "node_modules/x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const work = mkdtempSync(join(tmpdir(), "playground-"));

// The engine's native build: a line in, a line out.
const engine = spawn(native, { stdio: ["pipe", "pipe", "inherit"] });
const lines = createInterface({ input: engine.stdout })[Symbol.asyncIterator]();
async function asked(line) {
	engine.stdin.write(line + "\n");
	return (await lines.next()).value;
}

const complaints = [];
const url = pathToFileURL(page).href;
const context = await chromium.launchPersistentContext(join(work, "profile"), {
	executablePath: browserPath, headless: true, viewport: { width: 1280, height: 900 },
	args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const p = await context.newPage();
p.setDefaultTimeout(5000);
p.on("console", m => m.type() === "error" && complaints.push(m.text()));
p.on("pageerror", e => complaints.push(String(e)));
p.on("request", r => !/^(file|data|blob):/.test(r.url()) && complaints.push("loads " + r.url()));

let passed = 0;
async function test(name, body) {
	const start = Date.now();
	try {
		await body();
		passed++;
		console.log(`ok   ${name}, ${((Date.now() - start) / 1000).toFixed(1)} s`);
	} catch (e) {
		console.log("FAIL " + name + "\n" + (e.stack || e));
		process.exitCode = 1;
	}
}
const state = () => p.evaluate(() => playground.state);
const counts = s => s.machines.map(m => [m.name, m.outcome, m.last, m.all, m.cells]);
async function open(fragment) {
	await p.goto("about:blank");
	await p.goto(url + fragment);
	await p.waitForFunction(() => window.playground);
}

try {
	await open("");
	const stories = JSON.parse(await asked("stories")).stories;
	assert.ok(stories.length >= 9);
	for (const story of stories) {
		await test("story " + story.name, async () => {
			await p.selectOption("#story", story.name);
			for (let i = 0; ; i++) {
				let last;
				for (const c of story.scenes[i].commands.split("\n")) {
					last = await asked(c);
					assert.ok(JSON.parse(last).ok, c);
				}
				const here = await state();
				assert.deepEqual(here, JSON.parse(last), "page and native build tell the same");
				assert.ok(here.agree, "the three machines agree");
				// To the end of the walk, one reference at a time.
				const n = +(await p.getAttribute("#at", "max"));
				if (n) await p.click("#first");
				for (let k = 0; k < n; k++) await p.keyboard.press("ArrowRight");
				assert.equal(await p.inputValue("#at"), String(n));
				const walk = here.machines[2].events.filter(e => e.steps).pop();
				if (walk && n)
					assert.equal(await p.locator("article.nested .cell.on, article.nested .cell.known").count(), walk.steps.length);
				if (i === story.scenes.length - 1) break;
				await p.click("#scenenext");
			}
			const q = story.question;
			for (const c of q.proof ? q.proof.split("\n") : []) await asked(c);
			if (q.number) await p.fill("#options input", await asked("number " + q.number));
			else await p.check("#options input[value='0']");
			await p.click("#question button");
			assert.match(await p.textContent("#verdict"), /^Right/);
			if (q.number) await p.fill("#options input", "999");
			else await p.check("#options input[value='1']");
			await p.click("#question button");
			assert.match(await p.textContent("#verdict"), /^Not quite/);
		});
	}

	await test("a two-level table, built by hand", async () => {
		await open("#c=preset+empty2");
		await p.fill("#gva", "0x00402123");
		await p.click("#access button.go");
		assert.equal((await state()).machines[0].outcome, "fault");
		const root = p.locator(".table").first();
		await root.locator(".add input").first().fill("1");
		await root.locator(".add input").nth(1).fill("0x10007");
		await root.locator(".add button").click();
		const leaf = p.locator(".table").nth(1);
		await leaf.locator(".add input").first().fill("2");
		await leaf.locator(".add input").nth(1).fill("0x40001");
		await leaf.locator(".add button").click();
		// Not the user's yet, and read-only: two bits.
		await p.click("#access button.go");
		assert.equal((await state()).machines[0].fault.code, 5);
		await p.locator(".table").nth(1).locator(".row").first().click();
		await p.locator(".edit button", { hasText: "user" }).click();
		await p.click("#access button.go");
		const s = await state();
		for (const m of s.machines) assert.deepEqual([m.outcome, m.gpa], ["ok", "0x40123"]);
		assert.equal(s.machines[0].last.refs, 2);
		assert.ok(s.agree);
	});

	await test("a link is the situation", async () => {
		await open("#c=preset+four;machine+tlb=on;access+0x8080604abc+r+u;store+0x4020+0x47067&at=2");
		await p.evaluate(() => playground.act("access 0x8080604abc r u"));
		const before = await state(), there = await p.evaluate(() => location.hash);
		assert.ok(before.machines[0].caches.tlb.some(e => e.stale), "a stale entry is told");
		await open(there);
		assert.deepEqual(await state(), before);
		await p.evaluate(() => playground.act("invlpg 0x8080604abc"));
		assert.ok(!(await state()).machines[0].caches.tlb.some(e => e.stale));
	});

	await test("undo", async () => {
		await open("#c=preset+four;access+0x8080604abc+r+u");
		for (const id of ["#tracebar", "#scenebar", "#question", "#mapsection"]) assert.ok(!(await p.isVisible(id)), id + " is not there in free play");
		const before = await state();
		for (const c of ["store 0x4020 0", "fork", "swap 0x40000", "machine pwc=on", "toggle WP"]) await p.evaluate(c => playground.act(c), c);
		assert.notDeepEqual(await state(), before);
		for (let i = 0; i < 4; i++) await p.click("#undo");
		await p.locator("body").press("u");
		assert.deepEqual(await state(), before);
		await p.click("#undo");
		assert.ok(await p.isDisabled("#undo"));
	});

	for (const [name, gva] of [["d1/d1-x64-4level", "0x400000"], ["d2/d2-i386-pae", "0x8048000"], ["d3/d3-i386-2level", "0x8048000"], ["d4/d4-x64-la57", "0x400000"]]) {
		await test("the dump " + name, async () => {
			const packed = join(data, name + ".ptcore.zst"), plain = join(work, "core");
			writeFileSync(plain, execFileSync("zstd", ["-dc", "--long=27", packed], { maxBuffer: 1 << 28 }));
			await open("");
			const unpacks = await p.evaluate(() => !!window.fzstd);
			await p.setInputFiles("#file", unpacks ? packed : plain);
			await p.waitForFunction(() => playground.state.core);
			assert.deepEqual(await state(), JSON.parse(await asked("core " + plain)));
			const map = JSON.parse(await asked("map"));
			assert.ok(map.ranges.length > 20 && map.whole);
			assert.deepEqual(await p.evaluate(() => playground.engine("map")), map);
			await p.locator("#map button.range").first().click();
			const first = map.ranges[0];
			assert.deepEqual(await state(), JSON.parse(await asked(`access ${first[0]} r ${first[3] & 8 ? "u" : "s"}`)));
			assert.ok((await state()).agree);
			await p.evaluate(g => playground.act(`access ${g} r u`), gva);
			assert.deepEqual(await state(), JSON.parse(await asked(`access ${gva} r u`)));
		});
	}

	for (const name of ["dt1-x64-fork", "dt3-i386-2level"]) {
		await test("the trace " + name, async () => {
			const packed = join(data, "traces", name + ".vmt.zst"), plain = join(work, "trace");
			writeFileSync(plain, execFileSync("zstd", ["-dc", "--long=27", packed], { maxBuffer: 1 << 28 }));
			await open("");
			const unpacks = await p.evaluate(() => !!window.fzstd);
			await p.setInputFiles("#file", unpacks ? packed : plain);
			await p.waitForFunction(() => playground.state.trace, null, { timeout: 30000 });
			assert.deepEqual(await state(), JSON.parse(await asked("core " + plain)));
			for (const c of ["next 1", "next 1000", "next 20000"]) {
				await p.evaluate(c => playground.act(c), c);
				assert.deepEqual(await state(), JSON.parse(await asked(c)));
			}
			assert.equal((await state()).trace.differ, 0);
			assert.equal(JSON.parse(await asked("check")).ok, true);
		});
	}

	await test("files that are no dumps", async () => {
		await open("");
		const before = await state();
		const core = readFileSync(join(work, "core"));
		const bad = [Buffer.alloc(0), Buffer.from("hello"), core.subarray(0, 64), core.subarray(0, 5000), Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3])];
		let seed = 1;
		const chance = n => (seed = seed * 1103515245 + 12345 & 0x7fffffff) % n;
		for (let i = 0; i < 14; i++) {
			const b = Buffer.from(core);
			for (let k = 0; k < 20; k++) b[chance(chance(2) ? 1200 : b.length)] = chance(256);
			bad.push(b);
		}
		for (const b of bad) {
			const said = await p.evaluate(async b64 => {
				playground.load(Uint8Array.from(atob(b64), c => c.charCodeAt(0)));
				return [document.getElementById("toast").textContent, playground.engine("check")];
			}, b.toString("base64"));
			assert.ok(said[0]);
			assert.ok(said[1].ok, said[1].error);
		}
		assert.ok(before.ok);
	});

	await test("100,000 random acts", async () => {
		await open("");
		const wrong = await p.evaluate(() => {
			let seed = 7;
			const chance = n => (seed = Math.imul(seed, 1103515245) + 12345 & 0x7fffffff) % n;
			const one = a => a[chance(a.length)];
			const gva = () => one(["0x8080604000", "0x8080605000", "0x8080606123", "0x8080800000", "0x402000", "0x40403000", "0", "0xffffffffffffffff", "0x10080604000", "0x7c00", "0x" + chance(1 << 30).toString(16)]);
			const gpa = () => "0x" + (one([0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0x8000, 0x10000, 0x40000, 0x3ff000]) + chance(512) * one([4, 8])).toString(16);
			const value = () => one(["0", "0x47067", "0x3007", "0x2067", "0x1027", "0xffffffff", "0xffffffffffffffff", "0x200087", "0x80000000004c067", "0x" + chance(1 << 30).toString(16)]);
			const acts = [
				() => `access ${gva()} ${one(["r", "w", "x"])} ${one(["u", "s", "a"])}`,
				() => `access ${gva()} ${one(["r", "w", "x"])} ${one(["u", "s", "a"])}`,
				() => `store ${gpa()} ${value()}`, () => `store ${gpa()} ${value()}`,
				() => `flip ${gpa()} ${1 + chance(5)} ${one([..."PWUADSGX?"])}`,
				() => `point ${gpa()} ${1 + chance(5)} ${gpa()}`, () => `key ${gpa()} 1 ${chance(17)}`,
				() => `set ${one(["cr0", "cr3", "cr4", "efer", "pkru"])} ${one(["0x1000", "0x8000", "0x10", "0x20", "0x80010011", "0xd00", value()])}`,
				() => `toggle ${one(["WP", "SMEP", "SMAP", "PGE", "PCIDE", "PKE", "NXE"])}`,
				() => `invlpg ${gva()}`, () => `swap ${gpa()}`, () => `dirty ${one(["on", "off", "harvest"])}`,
				() => `flood ${gpa()} ${chance(20)}`, () => one(["fork", "check", "map", "nonsense", "access", ""]),
			];
			const rare = [() => `preset ${one(["four", "five", "pae", "two", "real", "empty4", "empty2"])}`,
				() => `machine ${one(["tlb", "pwc", "ntlb"])}=${one(["on", "off"])} host=${one(["4K", "2M"])} nested=${one(["npt", "ept"])} shadow=${one(["all", "trap", "vtlb"])}`];
			const bad = [];
			for (let i = 0; i < 100000; i++) {
				const c = chance(200) ? one(acts)() : one(rare)();
				const ok = playground.attempt(c);
				if (c === "check" && !ok) bad.push(playground.engine("check").error);
				if (!(i % 100)) playground.engine(i % 200 ? "state" : "map");
			}
			return bad;
		});
		assert.deepEqual(wrong, []);
	});

	await test("axe finds nothing", async () => {
		for (const scheme of ["light", "dark"]) {
			await p.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
			for (const f of ["#c=preset+two;access+0x402000+w+u;machine+tlb=on+pwc=on;access+0x402000+r+u", "#c=preset+four;access+0x8080604abc+r+u;store+0x4020+0x47067&story=twentyfour.2"]) {
				await open(f);
				await p.locator(".row").first().click();
				await p.evaluate(axe);
				const found = await p.evaluate(() => axe.run());
				assert.deepEqual(found.violations.map(v => [scheme, v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + n.failureSummary)]), []);
			}
		}
		await p.emulateMedia({ colorScheme: "light" });
	});

	await test("every width from 360 to 1920", async () => {
		for (const w of [360, 700, 1100, 1500, 1920]) {
			await p.setViewportSize({ width: w, height: 900 });
			await open("#c=preset+four;access+0x8080604abc+r+u;access+0x8080604abc+r+u&story=twentyfour.2");
			assert.ok(await p.evaluate(() => document.documentElement.scrollWidth) <= w, "nothing sticks out at " + w);
			const out = await p.evaluate(() => [...document.querySelectorAll("section, article, .cell, .table")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth).length);
			assert.equal(out, 0, "nothing is cut off at " + w);
			const over = await p.evaluate(() => [...document.querySelectorAll("article")].filter(e => e.getBoundingClientRect().right > e.closest("section").getBoundingClientRect().right).length);
			assert.equal(over, 0, "no machine leaves its box at " + w);
			for (const scheme of shots ? ["light", "dark"] : []) {
				await p.emulateMedia({ colorScheme: scheme });
				await p.screenshot({ path: join(shots, `${w}-${scheme}.png`), fullPage: true });
			}
		}
	});

	await test("keys alone", async () => {
		await p.setViewportSize({ width: 1280, height: 900 });
		await open("#c=preset+four");
		await p.focus("#gva");
		await p.keyboard.press("Enter");
		assert.equal((await state()).act, "access");
		await p.evaluate(() => document.activeElement.blur());
		const n = +(await p.inputValue("#at"));
		await p.keyboard.press("ArrowLeft");
		assert.equal(+(await p.inputValue("#at")), n - 1);
		// Every button and field can be reached.
		const missed = await p.evaluate(() => [...document.querySelectorAll("button,input,select,summary")].filter(e => e.tabIndex < 0).length);
		assert.equal(missed, 0);
	});

	await test("no complaint in the console, nothing loaded from elsewhere", async () => assert.deepEqual(complaints, []));
	console.log(`${passed} passed`);
} finally {
	await context.close();
	engine.stdin.end();
	rmSync(work, { recursive: true, force: true });
}
