/* SPDX-License-Identifier: BSD-2-Clause */
/* The page around the engine: it draws what the engine answers, and knows no paging itself. */
"use strict";
(() => {
const $ = id => document.getElementById(id);
const el = (tag, props = {}, ...kids) => {
	const e = document.createElement(tag);
	for (const [k, v] of Object.entries(props))
		if (k === "class") e.className = v;
		else if (k.startsWith("on")) e[k] = v;
		else if (v !== false && v !== undefined) e.setAttribute(k, v === true ? "" : v);
	e.append(...kids.filter(x => x !== null && x !== undefined && x !== ""));
	return e;
};

/* ---- the engine ---------------------------------------------------------------------- */

const module = new WebAssembly.Module(Uint8Array.from(atob($("wasm").textContent), c => c.charCodeAt(0)));
let wasm;
/* The engine asks for nothing of its host; what libc names is answered with "not here". */
function fresh() {
	const stub = {};
	for (const i of WebAssembly.Module.imports(module))
		(stub[i.module] ||= {})[i.name] = () => 52;
	wasm = new WebAssembly.Instance(module, stub).exports;
	wasm._initialize?.();
}
function hand(bytes) {
	const at = wasm.room(bytes.length);
	if (!at) throw new Error("no memory for " + bytes.length + " bytes");
	new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes);
}
function answer(at) {
	const m = new Uint8Array(wasm.memory.buffer);
	return JSON.parse(new TextDecoder().decode(m.subarray(at, m.indexOf(0, at))));
}
function engine(command) {
	hand(new TextEncoder().encode(command));
	return answer(wasm.command());
}
/* Without an answer, for many in a row: was it done? */
function attempt(command) {
	hand(new TextEncoder().encode(command));
	return !wasm.attempt();
}
function number(name) {
	hand(new TextEncoder().encode(name));
	return wasm.number();
}

/* ---- what has been done ----------------------------------------------------------------- */

let done = [];		/* commands, the preset first */
let state;		/* the engine's last answer */
let core = null;	/* bytes of a dump, which takes the place of a preset */
let at = 0;		/* references shown of the walk */
let chosen = [null, null, null];	/* of each machine, the number of the event whose walk is shown */
let open = null;	/* address of the entry that is being edited */
let stories = [], story = null, scene = 0;
let timer = null;

function say(text, good) {
	$("toast").textContent = text;
	$("toast").className = good ? "good" : "";
}

/* Does a command and remembers it if it was one. */
function perform(command) {
	const s = engine(command);
	if (!s.ok) {
		say(s.error);
		if (s.machines.length) state = engine("state");
		return false;
	}
	state = s;
	if (command.startsWith("preset ")) {
		done = [];
		core = null;
	}
	done.push(command);
	say("");
	return true;
}
function act(command) {
	stop();
	const ok = perform(command);
	chosen = [null, null, null];
	at = most();
	draw();
	keep();
	if (ok && command === "check") say("Every invariant holds.", true);
	return ok;
}
function replay(commands) {
	done = [];
	if (core) {
		fresh();
		hand(core);
		state = answer(wasm.core(core.length));
	}
	for (const c of commands)
		if (!perform(c)) break;
}
function undo() {
	if (done.length < (core ? 1 : 2)) return say("There is nothing to undo.");
	const left = done.slice(0, -1), bytes = core;
	stop();
	core = bytes;
	replay(left);
	chosen = [null, null, null];
	at = most();
	draw();
	keep();
}

/* ---- the address bar --------------------------------------------------------------------- */

function fragment() {
	const parts = ["c=" + done.map(c => c.replace(/ /g, "+")).join(";")];
	if (story) parts.push("story=" + story.name + "." + scene);
	parts.push("at=" + at);
	return "#" + parts.join("&");
}
function keep() {
	if (!core) history.replaceState(null, "", fragment());
}
function restore() {
	const f = new Map(location.hash.slice(1).split("&").map(p => [p.slice(0, p.indexOf("=")), p.slice(p.indexOf("=") + 1)]));
	const commands = (f.get("c") || "").split(";").map(c => decodeURIComponent(c).replace(/\+/g, " ")).filter(c => c);
	core = null;
	if (!commands.length || !commands[0].startsWith("preset ")) commands.unshift("preset four");
	replay(commands);
	if (!state?.machines?.length) replay(["preset four"]);
	const [name, nr] = (f.get("story") || "").split(".");
	story = stories.find(s => s.name === name) || null;
	scene = story ? Math.min(+nr || 0, story.scenes.length - 1) : 0;
	chosen = [null, null, null];
	at = f.has("at") ? Math.min(+f.get("at") || 0, most()) : most();
	draw();
}

/* ---- walks ------------------------------------------------------------------------------- */

function walkOf(i) {
	const m = state.machines[i];
	const walks = m.events.map((e, n) => [e, n]).filter(([e]) => e.steps);
	if (!walks.length) return null;
	const w = walks.find(([, n]) => n === chosen[i]) || walks[walks.length - 1];
	return { ...w[0], n: w[1], alone: walks.length === 1 };
}
function most() {
	return Math.max(0, ...[0, 1, 2].map(i => walkOf(i)?.steps.length || 0));
}
function stop() {
	clearInterval(timer);
	timer = null;
	$("play").textContent = "Play";
}
function play() {
	if (timer) return stop();
	if (at >= most()) at = 0;
	$("play").textContent = "Pause";
	timer = setInterval(() => {
		if (at >= most()) return stop();
		go(at + 1);
	}, 550);
	drawWalks();
}
function go(n) {
	at = Math.max(0, Math.min(n, most()));
	drawWalks();
	keep();
}
/* Was this reference read, or known from a cache?  Told where one walk was all there was. */
function wasRead(m, w, s) {
	if (!w.alone || w.refs === w.steps.length) return true;
	const g = s.dim === 2 ? s.table : s.level, n = s.dim === 2 ? s.level : 0;
	return m.cells.some(c => c[0] === g && c[1] === n);
}

const titles = {
	native: ["Native", "no hypervisor: the CPU walks the guest's tables"],
	shadow: ["Shadow paging", "the CPU walks the hypervisor's copy, from GVA to host memory"],
	nested: ["Nested paging", "the CPU walks the guest's tables, and nested ones for each address in them"],
};

function drawGrid(m, w) {
	const two = w.steps.some(s => s.dim === 2);
	const levels = [...new Set(w.steps.map(s => s.dim === 1 ? s.level : s.table))].sort((a, b) => b - a);
	const cols = two ? [...new Set(w.steps.filter(s => s.dim === 2).map(s => s.level))].sort((a, b) => b - a) : [];
	const grid = el("div", { class: "grid", style: `--cols:${cols.length + 1}`, role: "group", "aria-label": `${w.steps.length} references` });
	const ordered = levels.filter(l => l).concat(levels.includes(0) ? [0] : []);
	grid.append(el("span", { class: "h" }), ...cols.map(c => el("span", { class: "h" }, "nL" + c)),
		el("span", { class: "h" }, two ? "guest's entry" : m.name === "shadow" ? "shadow's entry" : "entry"));
	for (const row of ordered) {
		grid.append(el("span", { class: "h r" }, row ? (m.name === "shadow" ? "sL" : "gL") + row : "gPA"));
		for (const col of [...cols, 0]) {
			const i = w.steps.findIndex(s => s.dim === 2 ? s.table === row && s.level === col : !col && s.level === row);
			if (i < 0) {
				grid.append(el("div", { class: "cell" + (!row && !col && at >= w.steps.length && w.done ? " end" : "") },
					!row && !col && at >= w.steps.length && w.done ? "the page" : ""));
				continue;
			}
			const s = w.steps[i], shown = i < at, read = wasRead(m, w, s);
			const last = i === w.steps.length - 1 && !w.done;
			grid.append(el("div", {
				class: "cell " + (s.dim === 2 ? "n" : "g") + (shown ? read ? " on" : " known" : "") +
					(shown && i === at - 1 ? " now" : "") + (shown && last ? " stop" : ""),
				title: `${s.name} at ${s.pa}: ${s.text}`,
			}, shown ? el("b", {}, ...s.name.split(/(?=\[)/).flatMap((x, n) => n ? [el("wbr"), x] : [x])) : "", shown ? el("span", {}, read ? s.text.split(" ")[0] : "known") : "", el("i", {}, String(i + 1))));
		}
	}
	return grid;
}

function nowText(m, w) {
	const p = el("p", { class: "now-text mono" });
	if (!w) return p;
	const s = w.steps[Math.min(at, w.steps.length) - 1];
	if (!s) {
		p.append("Press play, or the right arrow key.");
		return p;
	}
	const why = s.dim === 2
		? `to find ${s.table ? "the guest's level-" + s.table + " table" : "the final page"} in host memory, gpa ${s.ia}`
		: `for ${s.ia}`;
	p.append(`${Math.min(at, w.steps.length)}: ${s.name} at ${s.dim === 2 || m.name === "shadow" ? "hpa" : "gpa"} ${s.pa}, ${why}: ${s.text}`);
	if (at >= w.steps.length) p.append(el("br"), w.why);
	return p;
}

function outcome(m) {
	if (state.act !== "access") return el("p", { class: "outcome" }, "No access in the last step.");
	const box = el("div", { class: "outcome " + m.outcome });
	if (m.outcome === "ok") box.append(`gpa ${m.gpa}, in a ${size(m.page)} page of the guest` + (m.last.hits && !m.last.walks ? ": found in the TLB, no walk" : ""));
	else if (m.outcome === "mmio") box.append(`no memory at gpa ${m.gpa}: a device answers`);
	else if (m.outcome === "error") box.append(m.why);
	else if (m.fault.vector === 14) {
		box.append(el("b", {}, `Page fault, error code 0x${m.fault.code.toString(16)}. `), m.why,
			el("ul", { class: "bits" }, ...m.fault.bits.map(b => el("li", { class: b.set ? "set" : "", title: b.text }, `${b.name}=${+b.set}: ${b.text}`))));
	} else box.append(el("b", {}, "General protection: "), m.why);
	return box;
}

const kinds = { tlb: "TLB", pwc: "Page-walk cache", ntlb: "Nested TLB" };
function drawCaches(m) {
	return Object.entries(kinds).filter(([k]) => state.with[k] && (k !== "ntlb" || m.name === "nested")).map(([k, name]) =>
		el("div", { class: "cachebox" }, el("h4", {}, `${name}, ${m.caches[k].length} of 8`),
			el("ul", {}, ...m.caches[k].map(e => el("li", { class: e.stale ? "stale" : "" },
				`${e.ia} → ${k === "pwc" ? "level-" + e.level + " table at " + e.oa : k === "tlb" ? "gpa " + e.gpa + " " + e.rights : "hpa " + e.oa}${e.stale ? " STALE" : ""}`)))));
}

function drawMachine(m, i) {
	const w = walkOf(i), a = el("article", { class: m.name, "aria-label": titles[m.name][0] });
	a.append(el("h3", {}, titles[m.name][0]), el("p", { class: "sub" }, titles[m.name][1]));
	a.append(outcome(m));
	const count = (v, t) => el("div", {}, el("b", {}, String(v)), el("span", {}, t));
	a.append(el("div", { class: "counts" }, count(w ? w.refs : 0, "references now"), count(m.last.exits, "exits now"),
		count(m.all.exits, "exits in all"), count(m.all.refs + m.all.sw, "references in all")));
	if (w && w.steps.length) a.append(el("div", { class: "gridwrap", tabindex: "0", role: "group", "aria-label": "Grid of references" }, drawGrid(m, w)), nowText(m, w));
	else if (state.act === "access" && m.last.walks) a.append(el("p", { class: "hint" }, "The walk reads no entry: there are no tables."));
	if (m.events.length) a.append(el("ol", { class: "events", tabindex: "0", "aria-label": "What happened" }, ...m.events.map((e, n) => el("li", { class: e.exit ? "exit" : "" },
		e.steps ? el("button", { "aria-pressed": String(w?.n === n), onclick: () => { chosen[i] = n; at = most(); drawWalks(); } }, e.text) : e.text))));
	a.append(...drawCaches(m));
	return a;
}

function drawWalks() {
	$("machines").replaceChildren(...state.machines.map(drawMachine));
	const n = most();
	$("at").max = n;
	$("at").value = at;
	$("at").disabled = !n;
	$("at").setAttribute("aria-valuetext", `${at} of ${n} references`);
	$("atnr").textContent = n ? `${at} / ${n}` : "no walk";
	for (const [id, off] of [["first", !at], ["prev", !at], ["next", at >= n], ["last", at >= n], ["play", !n]]) $(id).disabled = off;
}

/* ---- tables --------------------------------------------------------------------------- */

const bitNames = { P: "present", W: "writable", U: "user", X: "no execute", A: "accessed", D: "dirty", S: "large page", G: "global" };
const hex = n => "0x" + n.toString(16);

function editor(t, e) {
	const box = el("div", { class: "edit" });
	box.append(el("div", { class: "bar", role: "group", "aria-label": "Bits" }, ...[...e.has].map(b => el("button", {
		"aria-pressed": String(e.set.includes(b)), title: bitNames[b],
		onclick: () => act(`flip ${e.at} ${t.level} ${b}`) }, `${b === "X" ? "NX" : b === "S" ? "PS" : b} ${bitNames[b]}`))));
	const address = el("input", { size: 14, value: e.address });
	box.append(el("form", { class: "bar", onsubmit: ev => { ev.preventDefault(); act(`point ${e.at} ${t.level} ${address.value.trim()}`); } },
		el("label", {}, "Address ", address), el("button", {}, "Point there"),
		t.level > 1 ? el("button", { type: "button", onclick: () => act(`point ${e.at} ${t.level} ${nextFrame()}`) }, "A new table") : ""));
	if ("key" in e) {
		const key = el("input", { size: 3, value: e.key });
		box.append(el("form", { class: "bar", onsubmit: ev => { ev.preventDefault(); act(`key ${e.at} ${t.level} ${key.value.trim()}`); } },
			el("label", {}, "Protection key ", key), el("button", {}, "Set key")));
	}
	return box;
}
/* A frame that no table lies in. */
function nextFrame() {
	let f = BigInt(state.free);
	const used = new Set(state.tables.flatMap(t => [BigInt(t.gpa), ...t.entries.map(e => BigInt(e.address))]).map(String));
	while (used.has(String(f))) f += 4096n;
	return hex(f);
}

function drawTable(t, path) {
	const card = el("div", { class: "table" });
	const shadows = state.shadow.filter(s => s.gpa === t.gpa && !s.direct && s.level === t.level);
	card.append(el("h3", {}, `Level ${t.level} at ${t.gpa}`, shadows.length
		? el("span", { class: "tag" + (shadows[0].unsync ? " un" : "") }, shadows[0].unsync ? "shadow: out of sync" : "shadowed, write-protected") : ""));
	const rows = el("div", { class: "rows", tabindex: "0", role: "group", "aria-label": `Entries of the table at ${t.gpa}` });
	for (const e of t.entries) {
		rows.append(el("button", { class: "row" + (path.has(e.at) ? " path" : ""), "aria-expanded": String(open === e.at),
			onclick: () => { open = open === e.at ? null : e.at; drawTables(); } },
			el("b", {}, `${t.name}[${e.i}]`), " ", e.kind === "none" ? "not present" : e.text, el("br"), el("span", { class: "raw" }, `${e.at}: ${e.raw}`)));
		if (open === e.at) rows.append(editor(t, e));
	}
	if (!t.entries.length) rows.append(el("p", { class: "hint add" }, "Every entry is zero: nothing is mapped."));
	card.append(rows);
	const index = el("input", { size: 4, value: 0 }), value = el("input", { size: 12, value: hex(BigInt(nextFrame()) + 7n) });
	card.append(el("form", { class: "bar add", onsubmit: ev => {
		ev.preventDefault();
		const i = Number(index.value);
		if (!(i >= 0 && i < t.entries_in_all)) return say(`An index is 0 to ${t.entries_in_all - 1}.`);
		act(`store ${hex(BigInt(t.gpa) + BigInt(i * t.bytes))} ${value.value.trim()}`);
	} }, el("label", {}, "Entry ", index), el("label", {}, "= ", value), el("button", {}, "Store")));
	return card;
}
function drawTables() {
	const path = new Set(walkOf(0)?.steps.map(s => s.pa) || []);
	$("tables").replaceChildren(...state.tables.map(t => drawTable(t, path)));
	$("pick").textContent = !state.format ? "The guest has no paging: there are no tables."
		: state.tables.length ? "Click an entry to change it. Each change is a store by the guest; the entries of the last native walk are marked."
		: "Make an access to see the tables that it goes through.";
}

/* ---- the rest ------------------------------------------------------------------------- */

function drawSwitches() {
	$("switches").replaceChildren(el("span", { class: "mono" }, `${state.mode}, CR3 ${state.regs.cr3}`),
		...["WP", "SMEP", "SMAP", "PGE", "PCIDE", "PKE", "NXE"].map(b => el("button", { class: "toggle", "aria-pressed": String(!!state.regs[b]), onclick: () => act("toggle " + b) }, b)),
		el("form", { class: "bar", style: "margin:0", onsubmit: ev => { ev.preventDefault(); act("set pkru " + ev.target.querySelector("input").value.trim()); } },
			el("label", {}, "PKRU ", el("input", { size: 10, value: state.regs.pkru })), el("button", {}, "Set")));
	$("cacheswitches").replaceChildren(...Object.entries(kinds).map(([k, name]) => el("button", { class: "toggle", "aria-pressed": String(!!state.with[k]),
		onclick: () => act(`machine ${k}=${state.with[k] ? "off" : "on"}`) }, name)));
	for (const s of document.querySelectorAll("[data-machine]")) s.value = state.with[s.dataset.machine];
	$("preset").value = state.core ? "core" : state.preset;
	$("undo").disabled = done.length < (core ? 1 : 2);
	$("tracebar").hidden = !state.trace;
	if (state.trace) $("traceat").textContent = `record ${state.trace.at} of ${state.trace.of}, ${state.trace.differ} answers not as recorded`;
}
/* The indexes are those of the native walk. */
function drawIndexes() {
	const w = walkOf(0);
	$("indexes").textContent = w ? w.steps.map(s => s.name).join("  ") : "";
}
function drawStory() {
	$("story").value = story ? story.name : "";
	$("scenebar").hidden = !story;
	if (!story) {
		$("scene").replaceChildren(el("p", {}, "Choose a story, or play freely: make an access, change an entry, switch a cache on."));
		$("question").hidden = true;
		return;
	}
	const s = story.scenes[scene], lastScene = scene === story.scenes.length - 1;
	$("scene").replaceChildren(el("p", {}, s.say), el("p", { class: "cmds mono" }, s.commands));
	$("sceneat").textContent = `${scene + 1} of ${story.scenes.length}`;
	$("sceneback").disabled = !scene;
	$("scenenext").disabled = lastScene;
	if (lastScene && $("question").hidden) ask();
	if (!lastScene) $("question").hidden = true;
}
function draw() {
	drawSwitches();
	drawIndexes();
	drawWalks();
	drawTables();
	drawStory();
}

/* ---- stories ---------------------------------------------------------------------------- */

function tell(name, n) {
	stop();
	story = stories.find(s => s.name === name) || null;
	scene = story ? Math.max(0, Math.min(n, story.scenes.length - 1)) : 0;
	$("question").hidden = true;
	if (story) {
		core = null;
		replay(story.scenes.slice(0, scene + 1).flatMap(s => s.commands.split("\n")));
		if (state.act === "access") {
			$("gva").value = state.gva;
			$("kind").value = state.type;
			$("who").value = state.who;
		}
	}
	chosen = [null, null, null];
	at = most();
	draw();
	keep();
}
function ask() {
	const q = story.question;
	$("ask").textContent = q.ask;
	$("verdict").textContent = "";
	const order = q.option.map((_, i) => i).sort((a, b) => (q.option[a] < q.option[b] ? -1 : 1));
	$("options").replaceChildren(...(q.number ? [el("label", {}, "A number: ", el("input", { name: "answer", size: 6, inputmode: "numeric", autocomplete: "off" }))]
		: order.map(i => el("label", {}, el("input", { type: "radio", name: "answer", value: i }), " " + q.option[i]))));
	$("question").hidden = false;
}
function judge() {
	const q = story.question, given = new FormData($("question")).get("answer");
	if (given === null || given === "") return;
	for (const c of q.proof ? q.proof.split("\n") : []) perform(c);
	const right = q.number ? Number(given) === number(q.number) : given === "0";
	const truth = q.number ? String(number(q.number)) : q.option[0];
	$("verdict").className = right ? "right" : "wrong";
	$("verdict").textContent = (right ? "Right. " : `Not quite: ${truth}. `) + q.because;
	chosen = [null, null, null];
	at = most();
	draw();
}

/* ---- dumps ------------------------------------------------------------------------------ */

function load(bytes) {
	stop();
	if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) {
		if (!window.fzstd) return say("This page was built without a zstd decoder: unpack the file first.");
		try { bytes = window.fzstd.decompress(bytes); } catch (e) { return say("The file is no good zstd: " + e.message); }
	}
	fresh();
	let s;
	try {
		hand(bytes);
		s = answer(wasm.core(bytes.length));
	} catch (e) {
		s = { ok: false, error: "The dump is too large for this page: " + e.message };
	}
	if (!s.ok) {
		fresh();
		const before = done, b = core;
		core = b;
		replay(before);
		draw();
		return say(s.error);
	}
	core = bytes;
	state = s;
	done = [];
	story = null;
	chosen = [null, null, null];
	at = 0;
	history.replaceState(null, "", location.pathname + location.search);
	say("Loaded. A link cannot hold a dump.", true);
	draw();
	drawMap();
	if (state.trace) $("gva").value = "";
}
const size = shift => shift >= 30 ? "1G" : shift === 22 ? "4M" : shift >= 21 ? "2M" : "4K";
function drawMap() {
	const m = engine("map");
	const bits = r => (r & 1 ? "r" : "-") + (r & 2 ? "w" : "-") + (r & 4 ? "x" : "-") + (r & 8 ? "u" : "s");
	$("mapsection").hidden = false;
	$("maphint").textContent = `${m.ranges.length} ranges of equal pages${m.whole ? "" : ", and more that are not shown"}. Click one to walk to its first page.`;
	const legend = el("div", { class: "legend" }, ...[["r", "read only"], ["rw", "read and write"], ["rx", "execute"], ["rwx", "write and execute"]]
		.map(([c, t]) => el("span", { class: "range " + c, style: "padding:0 0 0 6px" }, t)));
	const show = n => {
		const list = m.ranges.slice(0, n).map(([a, b, shift, r]) => el("button", {
			class: "range mono " + (r & 2 ? r & 4 ? "rwx" : "rw" : r & 4 ? "rx" : "r"),
			onclick: () => {
				$("gva").value = a;
				$("who").value = r & 8 ? "u" : "s";
				$("kind").value = "r";
				act(`access ${a} r ${r & 8 ? "u" : "s"}`);
				$("walk").focus();
			} }, `${a} – ${b}`, el("span", {}, `${bits(r)} ${size(shift)}`)));
		if (n < m.ranges.length) list.push(el("button", { onclick: () => show(n + 500) }, `Show more of ${m.ranges.length}`));
		$("map").replaceChildren(legend, ...list);
	};
	show(200);
}

/* ---- wiring ------------------------------------------------------------------------------ */

$("preset").onchange = e => {
	if (e.target.value === "core") return;
	story = null;
	$("mapsection").hidden = true;
	act("preset " + e.target.value);
	$("gva").value = state.sample;
};
$("undo").onclick = undo;
$("link").onclick = () => {
	if (core) return say("A link cannot hold a dump.");
	keep();
	const url = location.href;
	(navigator.clipboard?.writeText(url) || Promise.reject()).then(() => say("Copied.", true), () => say("The link is in the address bar.", true));
};
$("theme").onclick = () => {
	const dark = document.documentElement.dataset.theme
		? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme:dark)").matches;
	document.documentElement.dataset.theme = dark ? "light" : "dark";
};
$("access").onsubmit = e => {
	e.preventDefault();
	act(`access ${$("gva").value.trim()} ${$("kind").value} ${$("who").value}`);
};
$("first").onclick = () => { stop(); go(0); };
$("prev").onclick = () => { stop(); go(at - 1); };
$("next").onclick = () => { stop(); go(at + 1); };
$("last").onclick = () => { stop(); go(most()); };
$("play").onclick = play;
$("at").oninput = e => { stop(); go(+e.target.value); };
$("story").onchange = e => tell(e.target.value, 0);
$("scenenext").onclick = () => tell(story.name, scene + 1);
$("sceneback").onclick = () => tell(story.name, scene - 1);
$("question").onsubmit = e => { e.preventDefault(); judge(); };
for (const f of document.querySelectorAll("form[data-do]"))
	f.onsubmit = e => {
		e.preventDefault();
		const values = [...f.querySelectorAll("input")].map(i => i.value.trim());
		act(f.dataset.do.replace(/\{(\d)\}/g, (_, i) => values[i]));
	};
for (const b of document.querySelectorAll("[data-cmd]")) b.onclick = () => act(b.dataset.cmd);
for (const s of document.querySelectorAll("[data-machine]")) s.onchange = () => act(`machine ${s.dataset.machine}=${s.value}`);
$("file").onchange = async e => {
	const file = e.target.files[0];
	if (file) load(new Uint8Array(await file.arrayBuffer()));
};
addEventListener("hashchange", restore);
addEventListener("keydown", e => {
	if (e.target.matches?.("input,select,textarea") || e.ctrlKey || e.metaKey || e.altKey) return;
	const keys = { ArrowRight: () => { stop(); go(at + 1); }, ArrowLeft: () => { stop(); go(at - 1); }, u: undo,
		n: () => story && scene < story.scenes.length - 1 && tell(story.name, scene + 1), b: () => story && scene && tell(story.name, scene - 1) };
	const f = keys[e.key] || keys[e.key.toLowerCase()];
	if (!f) return;
	e.preventDefault();
	f();
});
$("licence").textContent = $("licences").textContent.trim() || "None.";
$("zst").textContent = window.fzstd ? ", plain or packed with zstd" : " (this page was built without a zstd decoder: unpack .zst first)";

fresh();
stories = engine("stories").stories;
$("story").append(...stories.map(s => el("option", { value: s.name }, s.title)));
restore();
$("gva").value = state.act === "access" ? state.gva : state.sample;
/* For tests: the engine behind the page. */
window.playground = { engine, attempt, number, act, undo, tell, load, get state() { return state; }, get done() { return done; } };
})();
