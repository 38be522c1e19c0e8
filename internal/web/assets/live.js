// Keeps a page live: figures by the stream of events, tables by loading the page again. Without it,
// every page is whole as it was loaded.
'use strict';

(() => {
	const status = document.getElementById('live-status');
	const pause = document.getElementById('live-pause');
	const main = document.querySelector('main');
	let source = null;
	let paused = false;
	let later = 0;

	const say = (text, kind) => {
		if (status && status.textContent !== text) {
			status.textContent = text;
			status.className = 'live ' + kind;
		}
	};

	const number = (n) => {
		const digits = String(Math.round(n));
		return digits.replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
	};
	const rate = (n) => n <= 0 ? '0' : n < 10 ? n.toFixed(1) : number(n);
	const age = (s) => {
		if (s < 0.1) { return Math.round(s * 1000) + ' ms'; }
		if (s < 10) { return s.toFixed(1) + ' s'; }
		const two = (large, name, small, second) => {
			const rest = Math.floor(s % large / small);
			return Math.floor(s / large) + ' ' + name + (rest > 0 ? ' ' + rest + ' ' + second : '');
		};
		if (s < 60) { return Math.floor(s) + ' s'; }
		if (s < 3600) { return two(60, 'min', 1, 's'); }
		if (s < 86400) { return two(3600, 'h', 60, 'min'); }
		return two(86400, 'd', 3600, 'h');
	};
	const forms = { number, rate, age };

	const put = (cell, values) => {
		const value = values[cell.dataset.figure];
		if (typeof value !== 'number') { return; }
		const text = forms[cell.dataset.form || 'number'](value);
		if (cell.textContent !== text) { cell.textContent = text; }
	};

	const show = (figures) => {
		for (const cell of document.querySelectorAll('[data-figure]:not([data-queue])')) { put(cell, figures); }
		const queues = new Map(figures.queues.map((q) => [q.queue, q]));
		const none = { ready: 0, delayed: 0, blocked: 0, running: 0, dead: 0, held: 0, wikis: 0, oldest_s: 0 };
		for (const cell of document.querySelectorAll('[data-figure][data-queue]')) {
			put(cell, queues.get(cell.dataset.queue) || none);
		}
		document.body.dataset.figures = String(Date.now());
		if (main.dataset.queues === 'all' && figures.queues.some((q) =>
			!document.querySelector('[data-queue="' + CSS.escape(q.queue) + '"]'))) { renew(); }
	};

	const close = () => {
		window.clearTimeout(later);
		if (source) { source.close(); }
		source = null;
	};
	const open = () => {
		close();
		source = new EventSource('/live');
		source.addEventListener('figures', (event) => {
			say('Live', 'on');
			show(JSON.parse(event.data));
		});
		source.onerror = () => {
			say('Not live, trying again', 'off');
			if (source.readyState === EventSource.CLOSED) { later = window.setTimeout(open, 15000); }
		};
	};
	// renew loads the page again and takes its live parts over, unless somebody is at work in them.
	let renewing = false;
	const renew = async () => {
		if (renewing || paused || document.hidden) { return; }
		renewing = true;
		try {
			const answer = await fetch(window.location.href, { headers: { 'X-Auwai-Renewal': '1', 'Accept': 'text/html' } });
			if (!answer.ok) { return; }
			const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
			for (const part of document.querySelectorAll('[data-renew]')) {
				const other = page.getElementById(part.id);
				if (other && !part.contains(document.activeElement) && part.innerHTML !== other.innerHTML) {
					part.replaceChildren(...other.childNodes);
				}
			}
		} catch {
			// The stream says that the service is away.
		} finally {
			renewing = false;
		}
	};

	if (status) {
		pause.hidden = false;
		pause.addEventListener('click', () => {
			paused = !paused;
			pause.textContent = paused ? 'Go on' : 'Pause';
			if (paused) { close(); say('Paused', 'off'); } else { say('Waiting for figures', 'off'); open(); renew(); }
		});
		document.addEventListener('visibilitychange', () => {
			if (paused) { return; }
			if (document.hidden) { close(); } else { open(); renew(); }
		});
		if (!document.hidden) { open(); }
		window.addEventListener('pagehide', close);
		if (document.querySelector('[data-renew]')) { window.setInterval(renew, 5000); }
	}

	const all = document.getElementById('select-all');
	if (all) {
		all.hidden = false;
		all.addEventListener('change', () => {
			for (const box of document.querySelectorAll('input[name="id"]')) { box.checked = all.checked; }
		});
	}
})();
