// Checks KQL with Microsoft's own language service, the one in the query editor of the portal.
//
// Enters, on stdin: {"tables": {table: {column: type}}, "queries": {name: text}}; the folder of the package as argument.
// Leaves, on stdout: {name: {"faults": ["line 3: ..."], "tables": ["AppTraces"]}}.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

// The package is a browser bundle: its two files want to be scripts of one page, and leave `Kusto` in the global scope.
for (const file of ['bridge.min.js', 'Kusto.Language.Bridge.min.js']) {
  const script = path.join(process.argv[2], file);
  vm.runInThisContext(fs.readFileSync(script, 'utf8'), { filename: script });
}
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;
const { tables, queries } = JSON.parse(fs.readFileSync(0, 'utf8'));

const symbols = Object.entries(tables).map(([name, columns]) => {
  const schema = Object.entries(columns).map(([column, type]) => `${column}: ${type}`).join(', ');
  return Symbols.TableSymbol.From(`(${schema})`).WithName(name);
});
const workspace = new Symbols.DatabaseSymbol.ctor('workspace', symbols);
const globals = GlobalState.Default.WithDatabase(workspace);

function each(list, visit) {
  const found = [];
  for (let index = 0; index < list.Count; index += 1) found.push(visit(list.getItem(index)));
  return found;
}

function check(text) {
  const code = KustoCode.ParseAndAnalyze(text, globals);
  const faults = each(code.GetDiagnostics(), (fault) => {
    const line = text.slice(0, fault.Start).split('\n').length;
    return `line ${line}: ${fault.Message}`;
  });
  const read = Object.keys(tables).filter((name) => new RegExp(`\\b${name}\\b`).test(text));
  return { faults, tables: read };
}

process.stdout.write(JSON.stringify(Object.fromEntries(Object.entries(queries).map(([name, text]) => [name, check(text)]))));
