// Looks at the layout of a page of a Timeline, and writes into the parent document what is wrong
// with it: text that leaves its card or the window, text over other text, marks or bars, text
// that is cut, and text that cannot be told from its background.
(() => {
	const found = [];
	const width = innerWidth;
	const name = `${location.pathname} ${width}`;
	const say = (what, ...nodes) => found.push(`${name}: ${what}: ${nodes.map(n => JSON.stringify(n.textContent.slice(0, 60))).join(" and ")}\n`);
	document.querySelectorAll("details").forEach(d => { d.open = true; });

	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) found.push(`${name}: ${root.scrollWidth - root.clientWidth} pixels too wide\n`);

	// Text of charts and the blocks of the page, each inside its card.
	const texts = [...document.querySelectorAll(".chart text")];
	const blocks = [...document.querySelectorAll("h1, h2, p, li, td, th, summary")];
	for (const node of [...texts, ...blocks]) {
		const r = node.getBoundingClientRect();
		const card = (node.closest("section") || document.body).getBoundingClientRect();
		if (r.left < card.left || r.right > card.right || r.bottom > card.bottom + 0.5) say("outside its card", node);
		if (node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0) say("cut", node);
	}

	// In charts, text over other things. Of an overview the text may stand on its bar.
	const things = [];
	for (const chart of document.querySelectorAll(".chart")) {
		const overview = chart.querySelector("a") !== null;
		for (const node of chart.querySelectorAll("text, .mark, .bar")) {
			if (overview && node.tagName === "rect") continue;
			const r = node.getBoundingClientRect();
			things.push({ node, r, text: node.tagName === "text" });
		}
	}
	things.sort((a, b) => a.r.top - b.r.top);
	let compared = 0;
	for (let i = 0; i < things.length; i++) {
		const a = things[i];
		for (let j = i + 1; j < things.length && things[j].r.top < a.r.bottom - 1; j++) {
			const b = things[j];
			compared++;
			if (!a.text && !b.text) {
				// Marks of different cells may touch; bars of different exchanges must not.
				if (a.node.tagName !== "rect" || b.node.tagName !== "rect" || a.node.parentNode === b.node.parentNode) continue;
			}
			if (a.r.left < b.r.right - 0.5 && b.r.left < a.r.right - 0.5) say("over each other", a.node, b.node);
		}
	}

	// WCAG 2.2, 1.4.3: contrast of at least 4.5 to 1.
	const rgb = s => s.match(/[\d.]+/g).slice(0, 3).map(v => v / 255);
	const luminance = c => {
		const [r, g, b] = c.map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const background = node => {
		for (let n = node; n; n = n.parentElement) {
			const c = getComputedStyle(n).backgroundColor;
			if (c !== "rgba(0, 0, 0, 0)" && c !== "transparent") return rgb(c);
		}
		return [1, 1, 1];
	};
	const seen = new Set();
	for (const node of [...texts, ...document.querySelectorAll("tspan, h1, h2, p, li, td, th, summary, .number")]) {
		const style = getComputedStyle(node);
		const ink = node instanceof SVGElement ? style.fill : style.color;
		const on = background(node);
		const a = luminance(rgb(ink)), b = luminance(on);
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		const key = ink + on;
		if (ratio < 4.5 && !seen.has(key)) say(`contrast ${ratio.toFixed(2)}, ${ink} on ${on}`, node);
		seen.add(key);
	}

	const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
	found.length = Math.min(found.length, 10);
	found.push(`looked at ${name} ${scheme}: ${texts.length} texts, ${things.length} things, ${compared} pairs\n`);
	parent.document.getElementById("found").append(...found);
})();
