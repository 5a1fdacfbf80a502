// The language of the filter, apart from the page: a query becomes a test of one row.
//
//   query  = all { "or" all }          all = one { ["and"] one }
//   one    = ["not" | "!" | "-"] one | "(" query ")" | term
//   term   = word | "quoted words" | key ":" ["!"] value { "," value }
//   value  = word | "quoted words" | ("<" | "<=" | ">" | ">=" | "=") number unit
//
// A row answers what it is asked: columns(name) -> the indices of its columns of that name,
// verdict(i), news(i), cause(i), measure(key, i), and its lower, kind, family, tasks, provider.

const Query = (() => {
  const UNITS = {
    "": 1, s: 1, ms: 1e-3, us: 1e-6, "µs": 1e-6, ns: 1e-9, min: 60, h: 3600, "%": 0.01,
    b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, k: 1e3, m: 1e6, g: 1e9,
  };
  const COMPARE = {
    "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b,
    ">=": (a, b) => a >= b, "=": (a, b) => a === b,
  };
  const KEYS = ["task", "family", "cause", "provider", "name", "is"];
  const NEWS = ["regressed", "fixed", "newly-tested", "other-verdict", "new", "vanished", "slower", "faster"];

  class Wrong extends Error {
    constructor(message, token) {
      super(message);
      this.start = token.start;
      this.end = token.end;
    }
  }

  function tokens(text) {
    const found = [];
    const pattern = /\s+|[()]|(?:"[^"]*"?|[^\s()"])+/gy;
    for (let match; (match = pattern.exec(text));) {
      if (match[0].trim()) {
        found.push({ text: match[0], start: match.index, end: match.index + match[0].length });
      }
    }
    return found;
  }

  const quiet = (text) => text.replaceAll('"', "").toLowerCase();
  const quote = (text) => (/[\s()",]/.test(text) ? `"${text.replaceAll('"', "")}"` : text);

  function compile(text, vocabulary) {
    const all = tokens(text);
    const end = { text: "", start: text.length, end: text.length };
    let at = 0;
    const peek = () => all[at];
    const is = (word) => peek()?.text.toLowerCase() === word;

    function any() {
      const tests = [every()];
      while (is("or")) { at += 1; tests.push(every()); }
      return tests.length > 1 ? (row) => tests.some((test) => test(row)) : tests[0];
    }
    function every() {
      const tests = [one()];
      while (peek() && !is("or") && !is(")")) {
        if (is("and")) at += 1;
        tests.push(one());
      }
      return tests.length > 1 ? (row) => tests.every((test) => test(row)) : tests[0];
    }
    function one() {
      const token = peek();
      if (!token) throw new Wrong("Something is missing at the end.", end);
      if (is("not") || token.text === "!" || token.text === "-") {
        at += 1;
        const test = one();
        return (row) => !test(row);
      }
      if (token.text === "(") {
        at += 1;
        const test = any();
        if (!is(")")) throw new Wrong("This bracket is not closed.", token);
        at += 1;
        return test;
      }
      if (is("and") || is("or") || token.text === ")") {
        throw new Wrong(`Nothing stands before “${token.text}”.`, token);
      }
      at += 1;
      const negated = /^[!-]./.test(token.text);
      const test = term(negated ? token.text.slice(1) : token.text, token, vocabulary);
      return negated ? (row) => !test(row) : test;
    }
    if (!all.length) return () => true;
    const test = any();
    if (peek()) throw new Wrong("This bracket was never opened.", peek());
    return test;
  }

  function term(text, token, vocabulary) {
    const open = text.indexOf('"'); // what is quoted has no key in it
    const head = open < 0 ? text : text.slice(0, open);
    const first = head.indexOf(":");
    // cause:aten::histc is split at its first colon, openvino:GPU:pass at its last.
    const colon = KEYS.includes(head.slice(0, first).toLowerCase()) ? first : head.lastIndexOf(":");
    if (colon < 0) {
      const word = quiet(text);
      return (row) => row.lower.includes(word);
    }
    const key = text.slice(0, colon).toLowerCase();
    const negated = text[colon + 1] === "!";
    const values = text.slice(colon + 1 + negated).match(/(?:"[^"]*"?|[^,])+/g);
    if (!values) throw new Wrong(`What should “${key}” be?`, token);
    const tests = values.map((value) => valueTest(key, quiet(value), token, vocabulary));
    const test = (row) => tests.some((each) => each(row));
    if (!negated) return test;
    // A row that the key says nothing of matches neither what it asks nor its contrary.
    const applies = tests[0].applies;
    if (tests[0].each) { // cells: one of them is none of these
      return (row) => tests[0].each(row).some((i) => !tests.some((each) => each.cell(row, i)));
    }
    return applies ? (row) => applies(row) && !test(row) : (row) => !test(row);
  }

  const cells = (each, cell) => Object.assign((row) => each(row).some((i) => cell(row, i)), { each, cell });

  function valueTest(key, value, token, vocabulary) {
    const everywhere = (row) => row.all;
    if (key === "is") return stateTest(value, token, vocabulary);
    if (key === "task") {
      return Object.assign((row) => row.tasks.some((task) => isTask(task, value)),
        { applies: (row) => row.kind === "model" });
    }
    if (key === "family" || key === "provider") {
      const plain = (name) => name.replaceAll("-", "_");
      return Object.assign((row) => row[key] !== "" && plain(row[key]) === plain(value),
        { applies: (row) => row[key] !== "" });
    }
    if (key === "name") return (row) => row.lower.includes(value);
    if (key === "cause") return (row) => row.all.some((i) => row.cause(i).includes(value));
    const dot = key.lastIndexOf("."); // openvino-fp32.latency
    const measure = vocabulary.measures.find((name) => name === key.slice(dot + 1));
    if (measure) {
      const column = dot < 0 ? "" : key.slice(0, dot);
      if (column) known(column, token, vocabulary);
      return figureTest(measure, value, token, column ? (row) => row.columns(column) : everywhere);
    }
    known(key, token, vocabulary);
    return cells((row) => row.columns(key), verdictTest(value, token, vocabulary));
  }

  function known(column, token, vocabulary) {
    if (vocabulary.columns.includes(column)) return;
    throw new Wrong(`No column or key is called “${column}”: there are ${
      [...vocabulary.columns, ...KEYS, ...vocabulary.measures].join(", ")}.`, token);
  }

  function isTask(task, value) {
    const initials = task.split("-").map((word) => word[0]).join("");
    return task.includes(value.replaceAll(" ", "-")) || (value.length > 1 && initials === value);
  }

  function verdictTest(word, token, vocabulary) {
    if (word === "failing") return (row, i) => vocabulary.failing(row.verdict(i));
    if (!word || !vocabulary.verdicts.some((verdict) => verdict.startsWith(word))) {
      throw new Wrong(`“${word}” is no verdict: ${vocabulary.verdicts.join(", ")}, failing.`, token);
    }
    return (row, i) => row.verdict(i).startsWith(word);
  }

  function stateTest(word, token, vocabulary) {
    if (word === "model" || word === "api") return (row) => row.kind === word;
    if (word === "part") return (row) => row.part;
    if (word === "failing") return (row) => row.all.some((i) => vocabulary.failing(row.verdict(i)));
    if (word === "changed") return (row) => row.all.some((i) => row.news(i));
    if (!NEWS.includes(word)) {
      throw new Wrong(`“${word}” is nothing that a row can be: model, api, part, failing, changed, ${NEWS.join(", ")}.`, token);
    }
    return (row) => row.all.some((i) => row.news(i) === word);
  }

  function figureTest(measure, value, token, each) {
    const match = /^(<=|>=|<|>|=)?\s*(\d*\.?\d+(?:e[+-]?\d+)?)\s*([a-zµ%]*)$/.exec(value);
    if (!match || !(match[3] in UNITS)) {
      throw new Wrong(`“${value}” is no figure: write ${measure}:>50ms, ${measure}:<=2e-5 or ${measure}:>1.5MiB.`, token);
    }
    const compare = COMPARE[match[1] ?? "="];
    const bound = Number(match[2]) * UNITS[match[3]];
    return cells(each, (row, i) => {
      const figure = row.measure(measure, i);
      return figure !== null && compare(figure, bound);
    });
  }

  return { compile, quote };
})();
